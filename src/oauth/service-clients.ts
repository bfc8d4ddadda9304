import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { Clock } from '../contract/clock.js';
import { type Batch, batchedReads } from '../database/batch.js';
import { Database } from '../database/database.js';
import { type ClientRow, ClientRepository } from './client.repository.js';

export interface NewClient {
  id: string;
  /** What it may ask for; see `scopeList` for their form. */
  scopes: readonly string[];
  /** Whom its tokens are meant for; empty: the same as users' tokens. */
  audience: readonly string[];
}

/** A service client can't be made. The message says why. */
export class ClientRefused extends Error {
  override readonly name = 'ClientRefused';
}

/** As for `CLIENT_ID`: visible ASCII. */
const ID = /^[\x21-\x7E]{1,64}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const AUDIENCE = /^[\x21-\x2B\x2D-\x7E]{1,256}$/;
/** A token that holds more is refused by its readers (characters, all scopes together). */
const LONGEST_SCOPE = 4_000;
const MOST_AUDIENCES = 20;

/**
 * Other services that have credentials of their own. A secret has 256 random bits, so one round of
 * SHA-256 protects it: guessing is hopeless, and there is nothing for a slow hash to slow down.
 */
@Injectable()
export class ServiceClients {
  readonly #byId: Batch<string, ClientRow | undefined>;

  constructor(
    @Inject(CONFIG) private readonly config: LatchkeyConfig,
    private readonly database: Database,
    private readonly rows: ClientRepository,
    private readonly clock: Clock,
  ) {
    this.#byId = batchedReads(database, (db, ids) => rows.findMany(db, ids));
  }

  /**
   * @returns the secret, which can't be had again.
   * @throws ClientRefused for an id that is taken or may not be, and for too much of the rest.
   */
  async create({
    id,
    scopes,
    audience,
  }: NewClient): Promise<{ client: ClientRow; secret: string }> {
    this.#assertAcceptable(id, scopes, audience);
    const secret = newSecret();
    const client: ClientRow = {
      id,
      registration: randomBytes(9).toString('base64url'),
      secretHash: hashed(secret),
      previousSecret: null,
      scopes: [...new Set(scopes)],
      audience: [...new Set(audience)],
      createdAt: this.clock.now(),
    };
    const made = await this.database.write((db) => this.rows.insert(db, client));
    if (!made) throw new ClientRefused(`There is a client ${id} already`);
    return { client, secret };
  }

  list(): Promise<ClientRow[]> {
    return this.database.read((db) => this.rows.all(db));
  }

  /**
   * Gives a client another secret. Its tokens live on.
   *
   * @param keepFor seconds for which the secret that it had is good as well; 0: not any more.
   * @returns the secret, which can't be had again; undefined when there is no such client.
   */
  async rotateSecret(id: string, keepFor: number): Promise<string | undefined> {
    const secret = newSecret();
    const until = keepFor === 0 ? null : this.clock.now() + keepFor * 1000;
    const isThere = await this.database.write((db) =>
      this.rows.replaceSecret(db, id, hashed(secret), until),
    );
    return isThere ? secret : undefined;
  }

  /** Its tokens are dead from now on, also should there be another of this id later. */
  remove(id: string): Promise<boolean> {
    return this.database.write((db) => this.rows.remove(db, id));
  }

  async find(id: string): Promise<ClientRow | undefined> {
    return ID.test(id) ? this.#byId.add(id) : undefined;
  }

  /** @returns undefined for an unknown client and for a wrong secret. */
  async authenticate(id: string, secret: string): Promise<ClientRow | undefined> {
    const client = await this.find(id);
    if (client === undefined) return undefined;
    const presented = hashed(secret);
    const { previousSecret, secretHash } = client;
    const isCurrent = isEqual(presented, secretHash);
    const isPrevious =
      isEqual(presented, previousSecret?.hash ?? secretHash) &&
      this.clock.now() < (previousSecret?.until ?? 0);
    return isCurrent || isPrevious ? client : undefined;
  }

  /** A client's id is the `sub` of its tokens, so none may pass for a user or for the first party. */
  #assertAcceptable(id: string, scopes: readonly string[], audience: readonly string[]): void {
    if (!ID.test(id)) throw new ClientRefused('The id must be 1 to 64 visible ASCII characters');
    if (UUID.test(id))
      throw new ClientRefused('The id must not be a UUID, as the ids of users are');
    if (id === this.config.clientId) {
      throw new ClientRefused('The id is that of the first-party client (CLIENT_ID)');
    }
    if (scopes.join(' ').length > LONGEST_SCOPE) {
      throw new ClientRefused(`The scopes must not be longer than ${LONGEST_SCOPE} characters`);
    }
    if (audience.length > MOST_AUDIENCES || !audience.every((one) => AUDIENCE.test(one))) {
      throw new ClientRefused(
        `An audience must be 1 to 256 visible ASCII characters without commas; at most ${MOST_AUDIENCES}`,
      );
    }
  }
}

function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

function isEqual(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

function hashed(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
