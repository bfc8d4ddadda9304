import {
  constants,
  createHmac,
  type KeyObject,
  sign,
  type SignKeyObjectInput,
  timingSafeEqual,
} from 'node:crypto';
import { promisify } from 'node:util';
import { JwtService } from '@nestjs/jwt';
import type { SigningAlgorithm } from '../contract/claims.js';
import { withLowS } from '../contract/ecdsa-form.js';
import { TokenRejected } from '../contract/strict-jwt.js';

export interface SignatureKey {
  kid: string | undefined;
  algorithm: SigningAlgorithm;
  /** Private, public or secret. */
  key: KeyObject;
}

type AsymmetricAlgorithm = Exclude<SigningAlgorithm, 'HS256'>;

const ECDSA = { dsaEncoding: 'ieee-p1363' } as const;
const PSS = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
} as const;

/** RFC 7518 §3.3 to §3.5: digest, and how the signature is made of it. */
const ASYMMETRIC: Record<AsymmetricAlgorithm, readonly [digest: string, options: object]> = {
  RS256: ['sha256', {}],
  PS256: ['sha256', PSS],
  ES256: ['sha256', ECDSA],
  ES384: ['sha384', ECDSA],
};
const signAside = promisify<string, Buffer, SignKeyObjectInput, Buffer>(sign);

/**
 * One key with everything that signing or verifying with it needs, prepared once. Judges no claim and no
 * clock.
 */
export class JwtSignature {
  /** None for HMACs. */
  readonly #jwt: JwtService | undefined;
  readonly #key: SignatureKey;
  /** The first part of every token. */
  readonly #header: string;

  /** @param type the `typ` header of the tokens it signs. */
  constructor(signatureKey: SignatureKey, type: string) {
    const { kid, algorithm } = signatureKey;
    this.#key = signatureKey;
    this.#header = base64url({ alg: algorithm, typ: type, ...(kid === undefined ? {} : { kid }) });
    this.#jwt = algorithm === 'HS256' ? undefined : verifierWith(signatureKey);
  }

  /**
   * Makes a token (RFC 7515 §7.1). Every renewal waits for two of these, so the header is encoded once and
   * the key is ready for use.
   *
   * @param payload whose members keep their order. Nothing is added.
   */
  sign(payload: object): string {
    const { algorithm, key } = this.#key;
    const input = this.#input(payload);
    if (algorithm === 'HS256') return `${input}.${hmac(key, input).toString('base64url')}`;
    const [digest, options] = ASYMMETRIC[algorithm];
    return this.#token(input, sign(digest, Buffer.from(input), { key, ...options }));
  }

  /** The same on another thread, unless it is done in the time that it takes to ask for it. */
  async signAside(payload: object): Promise<string> {
    const { algorithm, key } = this.#key;
    if (algorithm === 'HS256' || algorithm === 'ES256') return this.sign(payload);
    const input = this.#input(payload);
    const [digest, options] = ASYMMETRIC[algorithm];
    return this.#token(input, await signAside(digest, Buffer.from(input), { key, ...options }));
  }

  #input(payload: object): string {
    return `${this.#header}.${base64url(payload)}`;
  }

  #token(input: string, signature: Buffer): string {
    return withLowS(`${input}.${signature.toString('base64url')}`, this.#key.algorithm);
  }

  /**
   * Checks the signature alone. NOT the form of the token and NOT its `alg`: the strict reader's caller has
   * compared that to the key's. An HMAC is made once more and compared (RFC 7515 §5.2).
   *
   * @throws TokenRejected
   */
  verify(token: string): void {
    if (this.#jwt === undefined) return assertHmac(this.#key.key, token);
    try {
      this.#jwt.verify(token);
    } catch {
      throw new TokenRejected('signature');
    }
  }
}

function verifierWith({ algorithm, key }: SignatureKey): JwtService {
  return new JwtService({
    ...(key.type === 'public' ? { publicKey: key } : { secret: key }),
    verifyOptions: { algorithms: [algorithm], ignoreExpiration: true, ignoreNotBefore: true },
  });
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** In constant time. */
function assertHmac(key: KeyObject, token: string): void {
  const end = token.lastIndexOf('.');
  const presented = Buffer.from(token.slice(end + 1), 'base64url');
  const expected = hmac(key, token.slice(0, end));
  const same = presented.length === expected.length && timingSafeEqual(presented, expected);
  if (!same) throw new TokenRejected('signature');
}

function hmac(key: KeyObject, input: string): Buffer {
  return createHmac('sha256', key).update(input).digest();
}
