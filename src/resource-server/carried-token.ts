import type { ExecutionContext } from '@nestjs/common';
import { bearerToken, fromAuthorization, type HeaderBag, headerOf } from './bearer.js';

type Members = Readonly<Record<string, unknown>>;

/** Tokens of connections that can't show the headers they were opened with. */
const attached = new WeakMap<object, string | undefined>();

/**
 * Tells the guard which token a WebSocket connection bears. Clients of `ws` don't keep the request they were
 * opened with, so a gateway hands it over; to renew the token of a long-lived connection, call it with the new
 * token's text.
 *
 * ```ts
 * handleConnection(client: WebSocket, request: IncomingMessage) { attachToken(client, request); }
 * ```
 *
 * The token is not checked here; the guard does that for every message.
 */
export function attachToken(client: object, source: string | { headers: HeaderBag }): void {
  attached.set(client, typeof source === 'string' ? source : ofHandshake(source.headers));
}

/** The token that a call bears, by the kind of its context; undefined when it brought none. */
export function tokenOf(context: ExecutionContext): string | undefined {
  switch (context.getType<string>()) {
    case 'ws':
      return ofSocket(context.switchToWs().getClient<object>());
    case 'rpc':
      return ofMessage(context.switchToRpc().getData(), context.switchToRpc().getContext());
    case 'graphql':
      return ofGraphql(members(context.getArgByIndex<unknown>(2)));
    default:
      return bearerToken(httpRequest(context).headers);
  }
}

/**
 * The object that stands for a call: the request, the GraphQL context, the message's context; for a WebSocket
 * the connection.
 */
export function callOf(context: ExecutionContext): object | undefined {
  const call = candidate(context);
  return (typeof call === 'object' && call !== null) || typeof call === 'function'
    ? call
    : undefined;
}

function candidate(context: ExecutionContext): unknown {
  switch (context.getType<string>()) {
    case 'ws':
      return context.switchToWs().getClient();
    case 'rpc':
      return context.switchToRpc().getContext();
    case 'graphql':
      return graphqlRequest(context) ?? context.getArgByIndex(2);
    default:
      return httpRequest(context);
  }
}

interface HttpRequest {
  headers?: HeaderBag;
  user?: object;
}

/** Not by `switchToHttp()`, which makes three functions at each call. */
export function httpRequest(context: ExecutionContext): HttpRequest {
  return context.getArgByIndex<HttpRequest>(0);
}

/** The HTTP request of a GraphQL call, where its context shows one. */
export function graphqlRequest(context: ExecutionContext): unknown {
  const graphql = members(context.getArgByIndex<unknown>(2));
  return graphql['req'] ?? graphql['request'] ?? members(graphql['reply'])['request'];
}

/** The GraphQL context has the request; that of a subscription has what the connection was opened with. */
function ofGraphql(graphql: Members): string | undefined {
  const reply = members(graphql['reply']);
  const request = members(graphql['req'] ?? graphql['request'] ?? reply['request']);
  const extra = members(graphql['extra'] ?? request['extra']);
  const opened = members(graphql['connectionParams'] ?? request['connectionParams']);
  return (
    bearerToken(request['headers'] as HeaderBag | undefined) ??
    bearerToken(opened) ??
    bearerToken(members(extra['request'])['headers'] as HeaderBag | undefined)
  );
}

/** socket.io shows its handshake; of other connections `attachToken` tells. */
function ofSocket(client: object): string | undefined {
  if (attached.has(client)) return attached.get(client);
  const handshake = members(members(client)['handshake']);
  const { token } = members(handshake['auth']);
  if (typeof token === 'string') return fromAuthorization(token) ?? token;
  return ofHandshake(handshake['headers'] as HeaderBag | undefined);
}

/** A browser can set no header on a WebSocket, but name subprotocols: `['latchkey', 'bearer.<token>']`. */
function ofHandshake(headers: HeaderBag | undefined): string | undefined {
  const offered = headerOf(headers, 'sec-websocket-protocol');
  const protocols = typeof offered === 'string' ? offered.split(',').map((one) => one.trim()) : [];
  const named = protocols.find((one) => one.startsWith('bearer.'))?.slice('bearer.'.length);
  return bearerToken(headers) ?? named;
}

/**
 * Transports with headers carry `authorization` there; TCP and Redis have none, so it is a member of the
 * payload, which is taken out before the handler and its pipes see it.
 */
function ofMessage(data: unknown, context: unknown): string | undefined {
  const token = fromAuthorization(authorizationOf(members(context)));
  const payload = members(data);
  if (token !== undefined || !Object.hasOwn(payload, 'authorization')) return token;
  const value = payload['authorization'];
  Reflect.deleteProperty(payload, 'authorization');
  return fromAuthorization(value);
}

/** gRPC metadata, NATS headers, Kafka headers, RabbitMQ headers, MQTT 5 user properties. */
function authorizationOf(context: Members): unknown {
  if (typeof context['get'] === 'function') return headerOf(context, 'authorization');
  const message = members(called(context, 'getMessage'));
  const bags = [
    called(context, 'getHeaders'),
    message['headers'],
    members(message['properties'])['headers'],
    members(members(called(context, 'getPacket'))['properties'])['userProperties'],
  ];
  return bags
    .map((bag) => headerOf(bag as HeaderBag | undefined, 'authorization'))
    .find((value) => value !== undefined);
}

function called(target: Members, method: string): unknown {
  const own = target[method];
  return typeof own === 'function' ? Reflect.apply(own, target, []) : undefined;
}

const NOTHING: Members = Object.freeze({});

function members(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : NOTHING;
}
