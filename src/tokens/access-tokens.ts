import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { ACCESS_TOKEN_TYPE, type AccessTokenClaims } from '../contract/claims.js';
import { Clock, epochSeconds } from '../contract/clock.js';
import { statusListReference } from '../contract/status-list.js';
import { type SigningKey, SigningKeys, type VerificationKey } from '../keys/signing-keys.js';
import { wrongAccessClaim } from './claim-types.js';
import { JwtSignature } from './jwt-signature.js';
import { readStrictJwt, type StrictJwt, TokenRejected } from './strict-jwt.js';

/** Whom and what an access token is about. */
export interface AccessTokenSubject {
  user: {
    id: string;
    email: string;
    username: string | null;
    name: string | null;
    roles: readonly string[];
  };
  session: {
    id: string;
    /** When the user signed in (ms). */
    createdAt: number;
    /** Its place in the status lists, where it has one. */
    statusIndex?: number | null;
  };
}

/** A token and how long it is good for. */
export interface MintedToken {
  token: string;
  /** Seconds. */
  expiresIn: number;
}

/** How far other clocks may be off (seconds). */
const LEEWAY = 30;
/** By which part of its life a token may be shortened, so that a crowd does not renew in one second. */
const JITTER = 0.05;

/** Makes and reads access tokens (RFC 9068). Knows nothing of sessions: whether one is alive it can't say. */
@Injectable()
export class AccessTokens {
  readonly #signers = new WeakMap<SigningKey, JwtSignature>();
  readonly #verifiers = new WeakMap<VerificationKey, JwtSignature>();
  readonly #audience: string | string[];
  readonly #ours: ReadonlySet<string>;

  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly keys: SigningKeys,
    private readonly clock: Clock,
  ) {
    const [first = config.publicUrl, ...others] = config.accessTokenAudience;
    this.#audience = others.length === 0 ? first : [first, ...others];
    this.#ours = new Set(config.accessTokenAudience);
  }

  mint(subject: AccessTokenSubject): MintedToken {
    const expiresIn = this.#life();
    return { token: this.#signer().sign(this.#claims(subject, expiresIn)), expiresIn };
  }

  /**
   * Checks the form alone, and that it is meant to be an access token. NOT the signature or any claim.
   *
   * @throws TokenRejected
   */
  readStrictly(token: string): StrictJwt {
    const read = readStrictJwt(token);
    if (read.header.typ !== ACCESS_TOKEN_TYPE) throw new TokenRejected('typ');
    return read;
  }

  /**
   * Checks the claims: types, `iss`, `aud`, and the times with 30 s of leeway. NOT the signature, and not
   * whether the session is alive.
   *
   * @param payload of a token that `readStrictly` took and whose signature is right.
   * @throws TokenRejected
   */
  checkClaims(payload: unknown): AccessTokenClaims {
    if (typeof payload !== 'object' || payload === null) throw new TokenRejected('payload');
    const wrong = wrongAccessClaim(payload as Record<string, unknown>);
    if (wrong !== undefined) throw new TokenRejected(`claim ${wrong}`);
    const claims = payload as AccessTokenClaims & { nbf?: number };
    if (claims.iss !== this.config.publicUrl) throw new TokenRejected('iss');
    if (!this.#isForUs(claims.aud)) throw new TokenRejected('aud');
    const now = this.clock.now() / 1000;
    if (claims.exp + LEEWAY <= now) throw new TokenRejected('expired');
    if (claims.iat - LEEWAY > now) throw new TokenRejected('issued in the future');
    if (claims.nbf !== undefined && claims.nbf - LEEWAY > now) throw new TokenRejected('nbf');
    return claims;
  }

  /**
   * Checks all that can be seen from the token: form, the algorithm of the key that `kid` names,
   * signature, claims. NOT whether the session is alive; and a key that another node made a moment ago
   * may be unknown still (`SigningKeys.findFresh`).
   *
   * @throws TokenRejected
   */
  verify(token: string): AccessTokenClaims {
    const { header, payload } = this.readStrictly(token);
    const key = this.keys.find(header.kid);
    if (key === undefined) throw new TokenRejected('unknown key');
    if (key.algorithm !== header.alg) throw new TokenRejected('algorithm not of this key');
    this.#verifier(key).verify(token);
    return this.checkClaims(payload);
  }

  #claims({ user, session }: AccessTokenSubject, life: number): AccessTokenClaims {
    const iat = epochSeconds(this.clock.now());
    const claims: AccessTokenClaims = {
      iss: this.config.publicUrl,
      sub: user.id,
      aud: this.#audience,
      client_id: this.config.clientId,
      iat,
      exp: iat + life,
      jti: randomUUID(),
      sid: session.id,
      auth_time: epochSeconds(session.createdAt),
      amr: ['pwd'],
      roles: [...user.roles],
      scope: this.#scope(user.roles),
    };
    if (typeof session.statusIndex === 'number') {
      const reference = statusListReference(this.config.publicUrl, session.statusIndex);
      claims.status = { status_list: reference };
    }
    for (const name of this.config.accessTokenClaims) {
      const value = user[name];
      if (value !== null) claims[name] = value;
    }
    return claims;
  }

  /** The scopes of all roles, each once, in the order of the roles and of `ROLE_SCOPES`. */
  #scope(roles: readonly string[]): string {
    const { roleScopes } = this.config;
    const scopes = roles.flatMap((role) =>
      Object.hasOwn(roleScopes, role) ? (roleScopes[role] ?? []) : [],
    );
    return [...new Set(scopes)].join(' ');
  }

  /** Whole seconds, at least one. */
  #life(): number {
    const longest = this.config.accessTokenTtl;
    const spread = Math.floor(longest * JITTER) + 1;
    return Math.max(1, longest - Math.floor(Math.random() * spread));
  }

  #isForUs(audience: string | readonly string[]): boolean {
    if (typeof audience === 'string') return this.#ours.has(audience);
    return audience.some((one) => this.#ours.has(one));
  }

  #signer(): JwtSignature {
    const key = this.keys.current();
    const known = this.#signers.get(key);
    if (known !== undefined) return known;
    const { kid, algorithm, privateKey } = key;
    const signer = new JwtSignature({ kid, algorithm, key: privateKey }, ACCESS_TOKEN_TYPE);
    this.#signers.set(key, signer);
    return signer;
  }

  #verifier(key: VerificationKey): JwtSignature {
    const known = this.#verifiers.get(key);
    if (known !== undefined) return known;
    const verifier = new JwtSignature(key, ACCESS_TOKEN_TYPE);
    this.#verifiers.set(key, verifier);
    return verifier;
  }
}
