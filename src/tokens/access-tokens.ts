import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { wrongAccessClaim, wrongServiceClaim } from '../contract/claim-types.js';
import {
  ACCESS_TOKEN_TYPE,
  type AccessTokenClaims,
  type ServiceTokenClaims,
} from '../contract/claims.js';
import { Clock, epochSeconds } from '../contract/clock.js';
import { statusListReference } from '../contract/status-list.js';
import { readStrictJwt, type StrictJwt, TokenRejected } from '../contract/strict-jwt.js';
import { type SigningKey, SigningKeys, type VerificationKey } from '../keys/signing-keys.js';
import { JwtSignature } from './jwt-signature.js';
import { permittedScope } from './scopes.js';

/** What an access token is narrowed to. */
export interface Narrowing {
  /** Fewer scopes than the roles give, if somebody asked for fewer. Such a token has no roles. */
  scopes?: readonly string[] | undefined;
  /** One of the configured audiences. */
  audience?: string | undefined;
}

/** An audience was asked for that is not configured. */
export class UnknownAudience extends Error {
  override readonly name = 'UnknownAudience';

  constructor() {
    super('An audience was asked for that is not configured');
  }
}

/** Whom and what an access token is about. */
export interface AccessTokenSubject extends Narrowing {
  user: {
    id: string;
    email: string;
    emailVerified: boolean;
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

/** Whom a service token is about. */
export interface ServiceTokenSubject {
  clientId: string;
  /** Empty: the audience of users' tokens. */
  audience: readonly string[];
  scope: string;
  jti: string;
}

/** A token and how long it is good for. */
export interface MintedToken {
  token: string;
  /** Seconds. */
  expiresIn: number;
}

export interface MintedAccessToken extends MintedToken {
  /** Space-separated, as the token has it. */
  scope: string;
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
    this.#audience = oneOrMore(config.accessTokenAudience);
    this.#ours = new Set(config.accessTokenAudience);
  }

  /**
   * @throws ScopeExceeded when more scopes are asked for than the roles give, UnknownAudience for an audience that is not
   * configured.
   */
  mint(subject: AccessTokenSubject): MintedAccessToken {
    const expiresIn = this.#life();
    const claims = this.#claims(subject, expiresIn);
    return { token: this.#signer().sign(claims), expiresIn, scope: claims.scope };
  }

  /** As `mint`, but a signature that takes long leaves the event loop free for other requests. */
  async mintAside(subject: AccessTokenSubject): Promise<MintedAccessToken> {
    const expiresIn = this.#life();
    const claims = this.#claims(subject, expiresIn);
    const token = await this.#signer().signAside(claims);
    return { token, expiresIn, scope: claims.scope };
  }

  /** A service's own token. Whether the client may have the scope is for the caller to say. */
  mintForService({ clientId, audience, scope, jti }: ServiceTokenSubject): MintedAccessToken {
    const expiresIn = this.#life();
    const iat = epochSeconds(this.clock.now());
    const claims: ServiceTokenClaims = {
      iss: this.config.publicUrl,
      sub: clientId,
      aud: audience.length === 0 ? this.#audience : oneOrMore(audience),
      client_id: clientId,
      iat,
      exp: iat + expiresIn,
      jti,
      scope,
    };
    return { token: this.#signer().sign(claims), expiresIn, scope };
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
   * Checks the claims of a user's token: types, `iss`, `aud`, and the times with 30 s of leeway. NOT the
   * signature, and not whether the session is alive.
   *
   * @param payload of a token that `readStrictly` took and whose signature is right.
   * @throws TokenRejected
   */
  checkClaims(payload: unknown): AccessTokenClaims {
    const claims = typed<AccessTokenClaims>(payload, wrongAccessClaim);
    this.#checkIssuerAndTimes(claims);
    if (!this.#isForUs(claims.aud)) throw new TokenRejected('aud');
    return claims;
  }

  /**
   * The same for a service's token, but for `aud`: it may be meant for other services alone. NOT whether
   * the client is still registered.
   *
   * @throws TokenRejected
   */
  checkServiceClaims(payload: unknown): ServiceTokenClaims {
    const claims = typed<ServiceTokenClaims>(payload, wrongServiceClaim);
    this.#checkIssuerAndTimes(claims);
    return claims;
  }

  /**
   * Checks the claims of a token of either kind that Latchkey's own routes take: one that was narrowed to another
   * service is refused.
   *
   * @throws TokenRejected
   */
  checkAnyClaims(payload: unknown): AccessTokenClaims | ServiceTokenClaims {
    const claims = isTokenOfService(payload)
      ? this.checkServiceClaims(payload)
      : this.checkClaims(payload);
    if (!this.#isForLatchkey(claims.aud)) throw new TokenRejected('aud');
    return claims;
  }

  /**
   * Checks form, the algorithm of the key that `kid` names, and the signature. NOT any claim.
   *
   * @throws TokenRejected
   */
  verifySignature(token: string): StrictJwt {
    const read = this.readStrictly(token);
    const key = this.keys.find(read.header.kid);
    if (key === undefined) throw new TokenRejected('unknown key');
    if (key.algorithm !== read.header.alg) throw new TokenRejected('algorithm not of this key');
    this.#verifier(key).verify(token);
    return read;
  }

  /**
   * Checks all that can be seen from a user's token: form, the algorithm of the key that `kid` names,
   * signature, claims. NOT whether the session is alive; and a key that another node made a moment ago
   * may be unknown still (`SigningKeys.findFresh`).
   *
   * @throws TokenRejected
   */
  verify(token: string): AccessTokenClaims {
    return this.checkClaims(this.verifySignature(token).payload);
  }

  #checkIssuerAndTimes(claims: { iss: string; iat: number; exp: number; nbf?: number }): void {
    if (claims.iss !== this.config.publicUrl) throw new TokenRejected('iss');
    const now = this.clock.now() / 1000;
    if (claims.exp + LEEWAY <= now) throw new TokenRejected('expired');
    if (claims.exp - claims.iat > this.config.accessTokenTtl) throw new TokenRejected('lifetime');
    if (claims.iat - LEEWAY > now) throw new TokenRejected('issued in the future');
    if (claims.nbf !== undefined && claims.nbf - LEEWAY > now) throw new TokenRejected('nbf');
  }

  #claims(
    { user, session, scopes, audience }: AccessTokenSubject,
    life: number,
  ): AccessTokenClaims {
    const iat = epochSeconds(this.clock.now());
    const claims: AccessTokenClaims = {
      iss: this.config.publicUrl,
      sub: user.id,
      aud: this.#audienceOf(audience),
      client_id: this.config.clientId,
      iat,
      exp: iat + life,
      jti: randomUUID(),
      sid: session.id,
      auth_time: epochSeconds(session.createdAt),
      amr: ['pwd'],
      roles: scopes === undefined ? [...user.roles] : [],
      scope: permittedScope(this.#scopes(user.roles), scopes),
    };
    if (typeof session.statusIndex === 'number') {
      const reference = statusListReference(this.config.publicUrl, session.statusIndex);
      claims.status = { status_list: reference };
    }
    for (const name of this.config.accessTokenClaims) {
      const value = user[name];
      if (value !== null) claims[name] = value;
    }
    if (claims.email !== undefined) claims.email_verified = user.emailVerified;
    return claims;
  }

  /** The scopes of all roles, each once, in the order of the roles and of `ROLE_SCOPES`. */
  #scopes(roles: readonly string[]): string[] {
    const { roleScopes } = this.config;
    const scopes = roles.flatMap((role) =>
      Object.hasOwn(roleScopes, role) ? (roleScopes[role] ?? []) : [],
    );
    return [...new Set(scopes)];
  }

  /** Whole seconds, at least one. */
  #life(): number {
    const longest = this.config.accessTokenTtl;
    const spread = Math.floor(longest * JITTER) + 1;
    return Math.max(1, longest - Math.floor(Math.random() * spread));
  }

  #audienceOf(wanted: string | undefined): string | string[] {
    if (wanted === undefined) return this.#audience;
    if (!this.#ours.has(wanted)) throw new UnknownAudience();
    return wanted;
  }

  #isForUs(audience: string | readonly string[]): boolean {
    return listOf(audience).some((one) => this.#ours.has(one));
  }

  /** Names `PUBLIC_URL`, or the whole configured list where that does not name it. */
  #isForLatchkey(audience: string | readonly string[]): boolean {
    const named = listOf(audience);
    const { publicUrl } = this.config;
    if (this.#ours.has(publicUrl)) return named.includes(publicUrl);
    return [...this.#ours].every((one) => named.includes(one));
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

/** RFC 7519 §4.1.3: one audience may be a text by itself. */
function oneOrMore(audience: readonly string[]): string | string[] {
  const [first = '', ...others] = audience;
  return others.length === 0 ? first : [first, ...others];
}

function listOf(audience: string | readonly string[]): readonly string[] {
  return typeof audience === 'string' ? [audience] : audience;
}

function isTokenOfService(payload: unknown): boolean {
  return typeof payload === 'object' && payload !== null && !Object.hasOwn(payload, 'sid');
}

/** @param wrong names a claim that is missing or of the wrong type. */
function typed<Claims>(
  payload: unknown,
  wrong: (claims: Readonly<Record<string, unknown>>) => string | undefined,
): Claims {
  if (typeof payload !== 'object' || payload === null) throw new TokenRejected('payload');
  const fault = wrong(payload as Readonly<Record<string, unknown>>);
  if (fault !== undefined) throw new TokenRejected(`claim ${fault}`);
  return payload as Claims;
}
