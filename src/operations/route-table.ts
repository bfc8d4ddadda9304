/**
 * Which methods each path takes, so that a known path answers 405 with `Allow` where the router itself
 * would only say that nothing matches.
 */
export class RouteTable {
  readonly #routes: { pattern: RegExp; methods: readonly string[] }[] = [];

  /** @param url in the router's syntax: `/auth/sessions/:id`. */
  add(url: string, methods: string | readonly string[]): void {
    if (url.includes('*')) return;
    const source = url.split('/').map(segmentSource).join('/');
    this.#routes.push({ pattern: new RegExp(`^${source}$`), methods: [methods].flat() });
  }

  /** @returns the methods of a path without its query, sorted; empty for an unknown path. */
  methodsOf(encoded: string): readonly string[] {
    const path = decoded(encoded);
    const matching = this.#routes.filter(({ pattern }) => pattern.test(path));
    return [...new Set(matching.flatMap(({ methods }) => methods))].sort();
  }
}

function segmentSource(segment: string): string {
  return segment.startsWith(':') ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** The path of a request target, as it is written there: without query, and without the host if it has one. */
export function pathOf(url: string): string {
  const target = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?#]*/i, '');
  const end = target.search(/[?#]/);
  return end === -1 ? target : target.slice(0, end);
}

/** The router has refused paths that can't be decoded; this only must not throw. */
function decoded(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}
