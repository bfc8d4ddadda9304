import type { HostNest } from './host-nest.js';
import type { TokenError } from './token-error.js';

type ExceptionClass = new (error: object) => Error;

/** Which package has the exception that its filter understands. Loaded only where it is in use. */
const CLASSES = {
  ws: ['@nestjs/websockets', 'WsException'],
  rpc: ['@nestjs/microservices', 'RpcException'],
} as const;

/**
 * The exception that a gateway's or a microservice's filter passes on to the caller: `{ status: 'error',
 * statusCode, code, message }`. Where the package can't be found, the error itself: the caller is then told no more than
 * that there was one.
 */
export async function messageException(
  kind: 'ws' | 'rpc',
  error: TokenError,
  nest: HostNest,
): Promise<Error> {
  const { code, status, message } = error;
  const [name, member] = CLASSES[kind];
  const Exception = (await nest.load(name))?.[member];
  if (typeof Exception !== 'function') return error;
  return new (Exception as ExceptionClass)({ status: 'error', statusCode: status, code, message });
}
