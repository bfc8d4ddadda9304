import { constants, createHmac, type KeyObject, sign } from 'node:crypto';
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

type Sign = (key: KeyObject, input: string) => Buffer;

/** RFC 7518 §3.2 to §3.5. */
const SIGN: Record<SigningAlgorithm, Sign> = {
  HS256: (key, input) => createHmac('sha256', key).update(input).digest(),
  RS256: (key, input) => sign('sha256', Buffer.from(input), key),
  PS256: (key, input) =>
    sign('sha256', Buffer.from(input), {
      key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    }),
  ES256: (key, input) => sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }),
  ES384: (key, input) => sign('sha384', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }),
};

/**
 * One key with everything that signing or verifying with it needs, prepared once. Judges no claim and no
 * clock.
 */
export class JwtSignature {
  readonly #jwt: JwtService;
  readonly #key: SignatureKey;
  /** The first part of every token. */
  readonly #header: string;

  /** @param type the `typ` header of the tokens it signs. */
  constructor(signatureKey: SignatureKey, type: string) {
    const { kid, algorithm, key } = signatureKey;
    this.#key = signatureKey;
    this.#header = base64url({ alg: algorithm, typ: type, ...(kid === undefined ? {} : { kid }) });
    this.#jwt = new JwtService({
      ...(key.type === 'public' ? { publicKey: key } : { secret: key }),
      verifyOptions: { algorithms: [algorithm], ignoreExpiration: true, ignoreNotBefore: true },
    });
  }

  /**
   * Makes a token (RFC 7515 §7.1). Every renewal waits for two of these, so the header is encoded once and
   * the key is ready for use.
   *
   * @param payload whose members keep their order. Nothing is added.
   */
  sign(payload: object): string {
    const { algorithm, key } = this.#key;
    const input = `${this.#header}.${base64url(payload)}`;
    const signature = SIGN[algorithm](key, input).toString('base64url');
    return withLowS(`${input}.${signature}`, algorithm);
  }

  /** @throws TokenRejected */
  verify(token: string): void {
    try {
      this.#jwt.verify(token);
    } catch {
      throw new TokenRejected('signature');
    }
  }
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
