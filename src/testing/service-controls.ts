import type { Abstract, INestApplicationContext, Type } from '@nestjs/common';
import type { LatchkeyConfig } from '../config.js';
import { readStrictJwt } from '../contract/strict-jwt.js';
import { Database } from '../database/database.js';
import type { Schema } from '../database/schema.js';
import { Sweeper } from '../database/sweeper.js';
import { Problem } from '../http/problem.js';
import { SigningKeys } from '../keys/signing-keys.js';
import { StoredSigningKeys } from '../keys/stored-signing-keys.js';
import { ServiceClients } from '../oauth/service-clients.js';
import { RevocationFollower } from '../revocation/revocation-follower.js';
import { Sessions } from '../sessions/sessions.js';
import { type Defect, withDefect } from './defects.js';
import { milliseconds } from './duration.js';
import type { Faults } from './faults.js';
import type { Json } from './forged-jwt.js';
import type { MovableClock } from './movable-clock.js';
import type { Outbox } from './outbox.js';
import type {
  Fault,
  NewTestUser,
  OutboxMessage,
  SignedIn,
  TestControls,
  TestServiceClient,
  UserWithPassword,
  WhoToSignIn,
} from './test-controls.js';
import { TestPeople } from './test-people.js';

/** A running service, with what of it a test can move. */
export interface ControlledService {
  services: INestApplicationContext;
  config: LatchkeyConfig;
  clock: MovableClock;
  faults: Faults;
  outbox: Outbox;
  /** Name of the host that it is called by. */
  host: string;
}

/** The service's own leeway and a second (ms). */
const PAST_LEEWAY = 31_000;
const SHORTEST_STRIDE = 5 * 60_000;
const MOST_STRIDES = 24;

/** Everything but the signing keys and what must not be given away twice. */
const EMPTIED: Record<Exclude<keyof Schema, 'keys' | 'counters'>, true> = {
  users: true,
  sessions: true,
  session_epochs: true,
  attempts: true,
  clients: true,
  revoked_tokens: true,
  challenges: true,
};

/** The controls of a service in this process. */
export class ServiceControls implements TestControls {
  readonly #people: TestPeople;
  #clients = 0;

  constructor(private readonly controlled: ControlledService) {
    this.#people = new TestPeople(controlled.services, controlled.host);
  }

  signInAs(who?: WhoToSignIn): Promise<SignedIn> {
    return this.#people.signIn(who);
  }

  createUser(who?: NewTestUser & { password?: string }): Promise<UserWithPassword> {
    return this.#people.create(who);
  }

  async createServiceClient(
    wanted: { id?: string; scope?: string; audience?: readonly string[] } = {},
  ): Promise<TestServiceClient> {
    this.#clients += 1;
    const scopes = wanted.scope?.split(' ').filter((scope) => scope !== '') ?? [];
    const { client, secret } = await this.#get(ServiceClients).create({
      id: wanted.id ?? `service-${this.#clients}`,
      scopes,
      audience: wanted.audience ?? [],
    });
    return { clientId: client.id, clientSecret: secret };
  }

  async advance(duration: string | number): Promise<void> {
    let left = milliseconds(duration);
    const stride = Math.max(SHORTEST_STRIDE, left / MOST_STRIDES);
    do {
      const step = Math.min(stride, left);
      this.controlled.clock.advance(step);
      await this.#upkeep();
      left -= step;
    } while (left > 0);
  }

  async now(): Promise<number> {
    return this.controlled.clock.now();
  }

  async expireAccessToken(): Promise<void> {
    const { accessTokenTtl } = this.controlled.config;
    await this.advance(accessTokenTtl * 1000 + PAST_LEEWAY);
  }

  async outbox(): Promise<OutboxMessage[]> {
    return this.controlled.outbox.list();
  }

  order(fault: Fault): Promise<void> {
    return this.controlled.faults.order(fault);
  }

  async clearFaults(): Promise<void> {
    this.controlled.faults.clear();
  }

  async rotateSigningKey(): Promise<void> {
    await this.#get(SigningKeys).rotate({ now: true });
  }

  async spoil(accessToken: string, defect: Defect): Promise<string> {
    const { sid } = readGood(accessToken);
    if (defect !== 'revoked') {
      return withDefect(accessToken, defect, this.#get(SigningKeys).current());
    }
    await this.revoke(String(sid));
    return accessToken;
  }

  async revoke(sessionId: string): Promise<void> {
    const sessions = this.#get(Sessions);
    const session = await sessions.find(sessionId);
    if (session === undefined)
      throw new Problem('not_found', { detail: 'There is no such session.' });
    await sessions.endOne(session.userId, session.id, 'ended_by_admin');
    await this.#get(RevocationFollower).refresh();
  }

  /** The sessions end before they go, so that the status lists still tell of them. */
  async reset(): Promise<void> {
    const { clock, faults, outbox } = this.controlled;
    const database = this.#get(Database);
    faults.clear();
    outbox.clear();
    await database.write((db) =>
      db
        .updateTable('sessions')
        .set({ ended_at: clock.now(), end_reason: 'ended_by_admin' })
        .where('ended_at', 'is', null)
        .execute(),
    );
    await this.#get(RevocationFollower).refresh();
    await database.transaction(async (trx) => {
      for (const table of Object.keys(EMPTIED)) {
        await trx.deleteFrom(table as keyof typeof EMPTIED).execute();
      }
    });
    clock.reset();
  }

  async #upkeep(): Promise<void> {
    const keys = this.#get(SigningKeys);
    if (keys instanceof StoredSigningKeys) await keys.tick();
    await this.#get(Sweeper).sweep();
    await this.#get(RevocationFollower).refresh();
  }

  #get<Service>(token: Type<Service> | Abstract<Service>): Service {
    return this.controlled.services.get(token, { strict: false });
  }
}

function readGood(accessToken: string): Json {
  try {
    return { ...readStrictJwt(accessToken).payload };
  } catch (error) {
    throw new Problem('malformed_request', { detail: 'That is no access token.', cause: error });
  }
}
