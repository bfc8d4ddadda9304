/** A route as Express keeps it. */
interface Layer {
  route?: { path?: unknown };
}

/** Express 5 and 4. */
interface Express {
  router?: { stack?: readonly Layer[] };
  _router?: { stack?: readonly Layer[] };
}

interface Fastify {
  printRoutes(options: { commonPrefix: false }): string;
}

/**
 * Where an application serves a route, with whatever prefix it has.
 *
 * @param instance of Express or of Fastify.
 * @param end how the path ends.
 * @returns undefined where that can't be known.
 */
export function servedPath(instance: unknown, end: string): string | undefined {
  return pathsOf(instance).find((path) => path.endsWith(end));
}

function pathsOf(instance: unknown): string[] {
  if (isFastify(instance)) {
    const lines = instance.printRoutes({ commonPrefix: false }).split('\n');
    return lines.map((line) => line.slice(line.indexOf('/'), line.lastIndexOf(' (')));
  }
  if (!isExpress(instance)) return [];
  const layers = instance.router?.stack ?? instance._router?.stack ?? [];
  return layers.map(({ route }) => route?.path).filter((path) => typeof path === 'string');
}

function isFastify(instance: unknown): instance is Fastify {
  return typeof instance === 'object' && instance !== null && 'printRoutes' in instance;
}

function isExpress(instance: unknown): instance is Express {
  return typeof instance === 'function' && ('router' in instance || '_router' in instance);
}
