import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { STATUS_LIST_TYPE } from '../contract/claims.js';
import { epochSeconds } from '../contract/clock.js';
import {
  STATUS_LIST_MEDIA_TYPE,
  STATUS_LIST_SIZE,
  type StatusListClaims,
  statusListUri,
} from '../contract/status-list.js';
import { etagOf, type PublicDocument } from '../keys/public-document.js';
import { type SigningKey, SigningKeys } from '../keys/signing-keys.js';
import { JwtSignature } from '../tokens/jwt-signature.js';
import type { EndedSessions } from './ended-sessions.js';
import { type Revocations, RevocationFollower } from './revocation-follower.js';
import { encodeBits } from './status-bits.js';

/** After how many seconds a reader should look again. */
const TTL = 5;

/** A list as it was signed last, and what it was made from. */
interface SignedList {
  key: SigningKey;
  ended: EndedSessions;
  count: number;
  document: PublicDocument;
}

/** The status lists as signed documents. A list is signed when one asks for it and it has changed. */
@Injectable()
export class StatusLists {
  readonly #signed = new Map<number, SignedList>();

  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly keys: SigningKeys,
    private readonly follower: RevocationFollower,
  ) {}

  /**
   * @returns undefined when there is no list of this number.
   * @throws StorageUnavailableError when the database has never been read.
   */
  async find(list: number): Promise<PublicDocument | undefined> {
    const known = await this.follower.current();
    return list < known.lists ? this.#upToDate(list, known) : undefined;
  }

  #upToDate(list: number, known: Revocations): PublicDocument {
    const { ended } = known;
    const key = this.keys.current();
    const count = ended.in(list).size;
    const last = this.#signed.get(list);
    if (last?.ended === ended && last.count === count && last.key === key) return last.document;
    const document = this.#sign(list, known, key);
    this.#signed.set(list, { key, ended, count, document });
    return document;
  }

  /** The validator is weak: nodes that know the same sessions share it, though their signatures differ. */
  #sign(list: number, { ended, period, readAt }: Revocations, key: SigningKey): PublicDocument {
    const { kid, algorithm, privateKey } = key;
    const lst = encodeBits(ended.in(list), STATUS_LIST_SIZE);
    const claims: StatusListClaims = {
      iss: this.config.publicUrl,
      sub: statusListUri(this.config.publicUrl, list),
      iat: epochSeconds(readAt),
      exp: period.listsExpire,
      ttl: TTL,
      status_list: { bits: 1, lst },
    };
    const signature = new JwtSignature({ kid, algorithm, key: privateKey }, STATUS_LIST_TYPE);
    return {
      text: signature.sign(claims),
      etag: `W/${etagOf(JSON.stringify([kid, claims.sub, claims.exp, lst]))}`,
      type: STATUS_LIST_MEDIA_TYPE,
    };
  }
}
