import { createSecretKey } from 'node:crypto';
import { type FileKey, readKeyFile } from './key-file.js';
import type { PairAlgorithm, PublicJwk, SigningKey, VerificationKey } from './key-material.js';
import { type KeyListing, type KeyRotation, RotationRefused, SigningKeys } from './signing-keys.js';

/** Keys that come from the configuration and stay as they are: the secret of HS256, or a key file. */
export class FixedSigningKeys extends SigningKeys {
  private constructor(
    private readonly signing: SigningKey,
    private readonly byKid: ReadonlyMap<string | undefined, VerificationKey>,
    private readonly published: { keys: PublicJwk[] },
    private readonly whyFixed: string,
  ) {
    super();
  }

  /** @param secret its UTF-8 bytes are the key. Its JWKS is empty, its tokens have no `kid`. */
  static fromSecret(secret: string): FixedSigningKeys {
    const key = createSecretKey(Buffer.from(secret));
    const verification: VerificationKey = { kid: undefined, algorithm: 'HS256', key };
    return new FixedSigningKeys(
      { kid: undefined, algorithm: 'HS256', privateKey: key },
      new Map([[undefined, verification]]),
      { keys: [] },
      'HS256 signs with ACCESS_TOKEN_SECRET: change that setting instead',
    );
  }

  /**
   * Reads the file once: the first private key signs, the others are published and verify.
   *
   * @throws ConfigurationError that names `SIGNING_KEY_FILE`.
   */
  static fromFile(path: string, algorithm: PairAlgorithm): FixedSigningKeys {
    const keys = readKeyFile(path, algorithm);
    const [first] = keys as [FileKey, ...FileKey[]];
    return new FixedSigningKeys(
      { kid: first.jwk.kid, algorithm, privateKey: first.key },
      new Map(keys.map(({ jwk, publicKey }) => [jwk.kid, verificationKey(jwk, publicKey)])),
      { keys: keys.map(({ jwk }) => jwk) },
      'The keys come from SIGNING_KEY_FILE: put another key at the beginning of that file and restart',
    );
  }

  override current(): SigningKey {
    return this.signing;
  }

  override find(kid: string | undefined): VerificationKey | undefined {
    return this.byKid.get(kid);
  }

  override findFresh(kid: string | undefined): Promise<VerificationKey | undefined> {
    return Promise.resolve(this.find(kid));
  }

  override jwks(): { keys: PublicJwk[] } {
    return this.published;
  }

  override list(): KeyListing[] {
    return this.published.keys.map(({ kid, alg }) => ({
      kid,
      algorithm: alg,
      stage: kid === this.signing.kid ? 'current' : 'previous',
      createdAt: null,
      signsFrom: null,
    }));
  }

  override rotate(): Promise<KeyRotation> {
    return Promise.reject(new RotationRefused(this.whyFixed));
  }

  override replaceAll(): Promise<KeyRotation> {
    return this.rotate();
  }
}

function verificationKey(jwk: PublicJwk, key: VerificationKey['key']): VerificationKey {
  return { kid: jwk.kid, algorithm: jwk.alg, key };
}
