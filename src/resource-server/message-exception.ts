import type { TokenError } from './token-error.js';

type ExceptionClass = new (error: object) => Error;

/** Which package has the exception that its filter understands. Loaded only where it is in use. */
const LOADERS = {
  ws: async (): Promise<unknown> => import(moduleName('websockets')),
  rpc: async (): Promise<unknown> => import(moduleName('microservices')),
};
const NAMES = { ws: 'WsException', rpc: 'RpcException' } as const;

/**
 * The exception that a gateway's or a microservice's filter passes on to the caller: `{ status: 'error',
 * statusCode, code, message }`. Where the package can't be found, the error itself: the caller is then told no more than
 * that there was one.
 */
export async function messageException(kind: 'ws' | 'rpc', error: TokenError): Promise<Error> {
  const { code, status, message } = error;
  const Exception = await load(kind);
  return Exception ? new Exception({ status: 'error', statusCode: status, code, message }) : error;
}

async function load(kind: 'ws' | 'rpc'): Promise<ExceptionClass | undefined> {
  try {
    const loaded = (await LOADERS[kind]()) as Record<string, unknown>;
    const found = loaded[NAMES[kind]];
    return typeof found === 'function' ? (found as ExceptionClass) : undefined;
  } catch {
    return undefined;
  }
}

/** Not a literal, so that bundlers and compilers don't ask for a package that is optional. */
function moduleName(part: string): string {
  return `@nestjs/${part}`;
}
