import type { AccessTokenClaims, RefreshTokenClaims } from '../contract/claims.js';

type Test = (value: unknown) => boolean;
type Members = Readonly<Record<string, unknown>>;

const text: Test = (value) => typeof value === 'string' && value !== '';
const anyText: Test = (value) => typeof value === 'string';
const texts: Test = (value) => Array.isArray(value) && value.every(anyText);
const textOrTexts: Test = (value) => text(value) || texts(value);
const seconds: Test = (value) => Number.isSafeInteger(value);
const count: Test = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
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
  ['email', anyText],
  ['username', anyText],
  ['name', anyText],
];
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
  return (
    ACCESS.find(([name, test]) => !test(own(claims, name)))?.[0] ??
    ACCESS_OPTIONAL.find(([name, test]) => Object.hasOwn(claims, name) && !test(claims[name]))?.[0]
  );
}

/** As `wrongAccessClaim`, for refresh tokens. */
export function wrongRefreshClaim(claims: Members): string | undefined {
  return REFRESH.find(([name, test]) => !test(own(claims, name)))?.[0];
}

function own(claims: Members, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}
