import { randomUUID } from 'node:crypto';
import type { Clock } from '../contract/clock.js';
import { epochSeconds, SystemClock } from '../contract/clock.js';
import { STATUS_LIST_TYPE } from '../contract/claims.js';
import { STATUS_LIST_SIZE, statusListReference, statusListUri } from '../contract/status-list.js';
import type { PublicJwk, SigningKey } from '../keys/key-material.js';
import { encodeBits } from '../revocation/status-bits.js';
import { access, type Defect, makeSigningKey, publicPartOf, withDefect } from './defects.js';
import { type Json, signedJwt } from './forged-jwt.js';

const TOKEN_LIFE = 600;
const LIST_LIFE = 3600;
const LIST_TTL = 5;

/** An issuer without HTTP: keys, tokens and status lists. */
export class IssuerCore {
  readonly keys: (SigningKey & { kid: string })[] = [makeSigningKey()];
  /** Places in the status lists, by session. */
  readonly #places = new Map<string, number>();
  readonly #ended = new Set<number>();
  /** The good tokens: when they are over (seconds), and whose session they belong to. */
  readonly #good = new Map<string, { exp: number; sid: string | undefined }>();

  constructor(
    readonly issuer: string,
    readonly audience: string | readonly string[],
    private readonly clock: Clock = new SystemClock(),
  ) {}

  /** The key that signs. */
  get key(): SigningKey & { kid: string } {
    const key = this.keys.at(-1);
    if (key === undefined) throw new Error('The issuer has no key');
    return key;
  }

  /** A user's access token. */
  token(claims: Json = {}, defect?: Defect): string {
    const sid = String(claims['sid'] ?? randomUUID());
    const iat = this.seconds();
    const good = {
      iss: this.issuer,
      sub: 'user-1',
      aud: this.audience,
      client_id: 'latchkey',
      iat,
      exp: iat + TOKEN_LIFE,
      jti: randomUUID(),
      sid,
      auth_time: iat,
      amr: ['pwd'],
      roles: ['user'],
      scope: '',
      status: { status_list: statusListReference(this.issuer, this.#placeOf(sid)) },
      ...claims,
    };
    return this.#finished(good, defect, sid);
  }

  /** A service's own access token. */
  serviceToken(claims: Json = {}, defect?: Exclude<Defect, 'revoked'>): string {
    const iat = this.seconds();
    const good = {
      iss: this.issuer,
      sub: 'service-1',
      aud: this.audience,
      client_id: 'service-1',
      iat,
      exp: iat + TOKEN_LIFE,
      jti: randomUUID(),
      scope: '',
      ...claims,
    };
    return this.#finished(good, defect);
  }

  revoke(sid: string): void {
    this.#ended.add(this.#placeOf(sid));
  }

  isRevoked(sid: string): boolean {
    return this.#ended.has(this.#placeOf(sid));
  }

  /** A new key signs from now on. The old ones are still published. */
  rotate(): void {
    this.keys.push(makeSigningKey());
  }

  jwks(): { keys: PublicJwk[] } {
    return { keys: this.keys.map(publicPartOf) };
  }

  /** @returns the list as a signed token, and what it says. */
  statusList(list: number, change: Json = {}): { token: string; bits: string } {
    const first = list * STATUS_LIST_SIZE;
    const places = [...this.#ended].map((place) => place - first);
    const bits = encodeBits(
      places.filter((place) => place >= 0 && place < STATUS_LIST_SIZE),
      STATUS_LIST_SIZE,
    );
    const iat = this.seconds();
    const claims = {
      iss: this.issuer,
      sub: statusListUri(this.issuer, list),
      iat,
      exp: iat + LIST_LIFE,
      ttl: LIST_TTL,
      status_list: { bits: 1, lst: bits },
    };
    const { algorithm, kid } = this.key;
    const header = { alg: algorithm, typ: STATUS_LIST_TYPE, kid };
    return { token: signedJwt(header, { ...claims, ...change }, this.key), bits };
  }

  /** How many lists there are. */
  get lists(): number {
    return Math.floor(this.#places.size / STATUS_LIST_SIZE) + 1;
  }

  /** Whether the token is one that was signed here, is not over, and its session neither. */
  isActive(token: string): boolean {
    const { exp, sid } = this.#good.get(token) ?? { exp: 0 };
    return exp > this.seconds() && (sid === undefined || !this.isRevoked(sid));
  }

  seconds(): number {
    return epochSeconds(this.clock.now());
  }

  #finished(claims: Json, defect: Defect | undefined, sid?: string): string {
    const token = access(claims, this.key);
    if (defect !== undefined && defect !== 'revoked') return withDefect(token, defect, this.key);
    this.#good.set(token, { exp: Number(claims['exp']), sid });
    if (defect === 'revoked' && sid !== undefined) this.revoke(sid);
    return token;
  }

  #placeOf(sid: string): number {
    const place = this.#places.get(sid) ?? this.#places.size;
    this.#places.set(sid, place);
    return place;
  }
}
