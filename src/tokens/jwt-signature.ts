import type { KeyObject } from 'node:crypto';
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

/**
 * One key with everything that signing or verifying with it needs, prepared once. Judges no claim and no
 * clock.
 */
export class JwtSignature {
  readonly #jwt: JwtService;
  readonly #algorithm: SigningAlgorithm;

  /** @param type the `typ` header of the tokens it signs. */
  constructor({ kid, algorithm, key }: SignatureKey, type: string) {
    const header = { alg: algorithm, typ: type, ...(kid === undefined ? {} : { kid }) };
    this.#algorithm = algorithm;
    this.#jwt = new JwtService({
      ...(key.type === 'private' ? { privateKey: key } : {}),
      ...(key.type === 'public' ? { publicKey: key } : {}),
      ...(key.type === 'secret' ? { secret: key } : {}),
      signOptions: { algorithm, header },
      verifyOptions: { algorithms: [algorithm], ignoreExpiration: true, ignoreNotBefore: true },
    });
  }

  /** @param payload must have `iat`; its members keep their order. */
  sign(payload: object & { iat: number }): string {
    return withLowS(this.#jwt.sign(payload), this.#algorithm);
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
