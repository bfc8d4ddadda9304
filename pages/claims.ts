/** What each claim of an access token says (RFC 9068 §2.2). */
const MEANINGS: Readonly<Record<string, string>> = {
  iss: 'Who issued the token: this service.',
  sub: 'Whom it is about: the id of the user.',
  aud: 'For whom it is meant: services must refuse tokens that are not for them.',
  client_id: 'The application that asked for it.',
  iat: 'When it was issued.',
  exp: 'When it expires. Shortly before that this page gets another one.',
  jti: 'The token’s own id, different in each.',
  sid: 'The session: the same in every token until you sign out.',
  auth_time: 'When you entered your password.',
  amr: 'How you signed in.',
  roles: 'What you are.',
  scope: 'What your roles permit.',
  status: 'Where other services see whether the session has ended.',
  email: 'Your e-mail address.',
  username: 'Your user name.',
  name: 'Your name.',
};

const TIMES: ReadonlySet<string> = new Set(['iat', 'exp', 'auth_time', 'nbf']);

export interface Claim {
  name: string;
  value: unknown;
  meaning: string;
  /** Milliseconds, for claims that are times. */
  time: number | undefined;
}

/** The two readable parts of an access token. Judges nothing: services must verify the signature. */
export function readToken(token: string): { header: string; claims: Claim[] } {
  const [header = '', payload = ''] = token.split('.');
  const claims = Object.entries(decoded(payload)).map(([name, value]) => ({
    name,
    value,
    meaning: MEANINGS[name] ?? '',
    time: TIMES.has(name) && typeof value === 'number' ? value * 1000 : undefined,
  }));
  return { header: JSON.stringify(decoded(header)), claims };
}

function decoded(part: string): object {
  const binary = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  return typeof value === 'object' && value !== null ? value : {};
}
