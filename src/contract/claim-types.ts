import type { AccessTokenClaims, RefreshTokenClaims, ServiceTokenClaims } from './claims.js';

type Test = (value: unknown) => boolean;
type Members = Readonly<Record<string, unknown>>;

const text: Test = (value) => typeof value === 'string' && value !== '';
const anyText: Test = (value) => typeof value === 'string';
const texts: Test = (value) => Array.isArray(value) && value.every(anyText);
const textOrTexts: Test = (value) => text(value) || texts(value);
const seconds: Test = (value) => Number.isSafeInteger(value);
const count: Test = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
/** The claim may name other mechanisms too, or only those (draft-ietf-oauth-status-list §6.1). */
const statusClaim: Test = (value) =>
  isMembers(value) && (!Object.hasOwn(value, 'status_list') || statusList(value['status_list']));
const statusList: Test = (value) => isMembers(value) && count(value['idx']) && text(value['uri']);
const truth: Test = (value) => typeof value === 'boolean';
const number: Test = (value) => Number.isFinite(value);

const ACCESS: readonly [keyof AccessTokenClaims, Test][] = [
  ['iss', text],
  ['sub', text],
  ['aud', textOrTexts],
  ['client_id', text],
  ['iat', seconds],
  ['exp', seconds],
  ['jti', text],
  ['sid', text],
  ['auth_time', seconds],
  ['amr', texts],
  ['roles', texts],
  ['scope', anyText],
];
const ACCESS_OPTIONAL: readonly [string, Test][] = [
  ['nbf', number],
  ['status', statusClaim],
  ['email', anyText],
  ['email_verified', truth],
  ['username', anyText],
  ['name', anyText],
];
const SERVICE: readonly [keyof ServiceTokenClaims, Test][] = [
  ['iss', text],
  ['sub', text],
  ['aud', textOrTexts],
  ['client_id', text],
  ['iat', seconds],
  ['exp', seconds],
  ['jti', text],
  ['scope', anyText],
];
/** What only users have. */
const NOT_OF_SERVICES = ['sid', 'roles', 'auth_time', 'amr'] as const;
const REFRESH: readonly [keyof RefreshTokenClaims, Test][] = [
  ['iss', text],
  ['aud', text],
  ['sub', text],
  ['sid', text],
  ['gen', count],
  ['jti', text],
  ['iat', seconds],
  ['exp', seconds],
];

/**
 * The first claim of an access token that is missing or of the wrong type; undefined when all are right.
 * Says nothing about values.
 */
export function wrongAccessClaim(claims: Members): string | undefined {
  return ACCESS.find(([name, test]) => !test(own(claims, name)))?.[0] ?? wrongOptional(claims);
}

/** As `wrongAccessClaim`, for the tokens of services; a claim that only users have is wrong too. */
export function wrongServiceClaim(claims: Members): string | undefined {
  return (
    SERVICE.find(([name, test]) => !test(own(claims, name)))?.[0] ??
    NOT_OF_SERVICES.find((name) => Object.hasOwn(claims, name)) ??
    (claims['sub'] === claims['client_id'] ? wrongOptional(claims) : 'client_id')
  );
}

/** As `wrongAccessClaim`, for refresh tokens. */
export function wrongRefreshClaim(claims: Members): string | undefined {
  return REFRESH.find(([name, test]) => !test(own(claims, name)))?.[0];
}

function wrongOptional(claims: Members): string | undefined {
  return ACCESS_OPTIONAL.find(
    ([name, test]) => Object.hasOwn(claims, name) && !test(claims[name]),
  )?.[0];
}

function own(claims: Members, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null;
}
