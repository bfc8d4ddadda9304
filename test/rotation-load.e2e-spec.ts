import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startNodeShop } from '../examples/resource-server/node-http.js';
import { latchkeyJson } from './support/cli.js';
import { Client } from './support/client.js';
import { freePort } from './support/free-port.js';
import { until } from './support/issuer.js';
import { decoded } from './support/jwt.js';
import { endProcesses, type ServiceProcess, spawnService } from './support/process.js';
import { describeOnEachDatabase, type Environment } from './support/suite.js';

/** Calls a second. */
const RATE = 200;
/** How long it goes on at least (seconds): `LOAD_SECONDS=60` for the long version. */
const SECONDS = Number(process.env['LOAD_SECONDS'] ?? 5);
const PEOPLE = 20;

interface Verdict {
  status: number;
  /** The key that signed the token. */
  kid: unknown;
}

/** Calls a service at an even pace with tokens of people who renew all the time. */
class Load {
  readonly verdicts: Verdict[] = [];
  readonly #running: Promise<void>[] = [];
  readonly #began = performance.now();
  readonly #timer = setInterval(() => this.#send(), 10);

  constructor(
    private readonly service: Client,
    private readonly orders: Client,
    private readonly people: { accessToken: string; refreshToken: string }[],
  ) {}

  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /** The keys of tokens that were sent. */
  get kids(): Set<unknown> {
    return new Set(this.verdicts.map(({ kid }) => kid));
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
  }

  #send(): void {
    while (this.#running.length < this.seconds * RATE) {
      const turn = this.#running.length;
      const person = this.people[turn % PEOPLE];
      if (person !== undefined) this.#running.push(this.#call(person, turn % (PEOPLE + 1) === 0));
    }
  }

  async #call(person: { accessToken: string; refreshToken: string }, renew: boolean) {
    if (renew) Object.assign(person, await this.service.renew(person.refreshToken));
    const { accessToken } = person;
    const { status } = await this.orders.get('/', { bearer: accessToken });
    this.verdicts.push({ status, kid: decoded(accessToken).header['kid'] });
  }
}

describeOnEachDatabase('While the keys rotate under load', (suite) => {
  let environment: Environment;
  let service: ServiceProcess;
  let shop: Server;
  let orders: Client;

  beforeAll(async () => {
    ({ environment } = await suite.database());
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    service = await spawnService({ ...environment, PORT: String(port), PUBLIC_URL: url });
    shop = startNodeShop({ issuer: url, audience: url }).listen(0, '127.0.0.1');
    await once(shop, 'listening');
    orders = new Client(`http://127.0.0.1:${(shop.address() as AddressInfo).port}`);
  });
  afterAll(async () => {
    orders.hangUp();
    shop.close();
    await endProcesses();
  });

  it(
    'not one token is refused, neither in stages nor at once',
    async () => {
      const people = [];
      for (let one = 0; one < PEOPLE; one += 1) people.push(await renewable(service));
      const load = new Load(service, orders, people);
      const rotated: string[] = [];
      const rotate = async (...options: string[]) => {
        const command = ['keys', 'rotate', ...options];
        const { kid } = await latchkeyJson<{ kid: string }>(environment, command);
        rotated.push(kid);
        return kid;
      };
      const signs = (kid: string) => until(() => load.kids.has(kid), 15);
      do {
        const next = await rotate();
        await until(
          async () => (await service.get('/.well-known/jwks.json')).text.includes(next),
          15,
        );
        await rotate();
        await signs(next);
        await signs(await rotate('--now'));
      } while (load.seconds < SECONDS);
      await load.end();
      const refused = load.verdicts.filter(({ status }) => status !== 200);
      expect(refused).toEqual([]);
      expect(load.verdicts.length).toBeGreaterThanOrEqual(SECONDS * RATE);
      expect(load.kids.size).toBe(1 + new Set(rotated).size);
    },
    (SECONDS + 60) * 1000,
  );
});

async function renewable(service: Client) {
  const { accessToken, refreshToken = '' } = await service.register();
  return { accessToken, refreshToken };
}
