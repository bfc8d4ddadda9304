import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Where an answer is cut off: before its first byte, after its first line, or in the middle of its body. */
export type Cut = 'at once' | 'in the headers' | 'in the body';

/** The wire between a browser and the service. It can be cut while an answer is under way. */
export class CuttingProxy {
  readonly #server = createServer((near) => this.#join(near));
  readonly #sockets = new Set<Socket>();
  readonly #orders: { request: string; cut: Cut }[] = [];

  constructor(private readonly target: string) {}

  static async to(target: string): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    const address = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${address.port}`;
  }

  /** Cuts the answer to the next request that begins so. The service never learns of it. */
  cutNext(request: string, cut: Cut): void {
    this.#orders.push({ request, cut });
  }

  /** How many of the orders have not been carried out. */
  get left(): number {
    return this.#orders.length;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #join(near: Socket): void {
    const { hostname, port } = new URL(this.target);
    const far = connect(Number(port), hostname);
    let cut: Cut | undefined;
    near.on('data', (chunk: Buffer) => {
      cut ??= this.#orderFor(chunk);
      far.write(chunk);
    });
    far.on('data', (chunk: Buffer) => {
      if (cut === undefined) near.write(chunk);
      else if (cut === 'at once') near.destroy();
      else if (cut === 'in the headers') near.end(chunk.subarray(0, chunk.indexOf('\r\n') + 2));
      else near.end(chunk.subarray(0, chunk.indexOf('\r\n\r\n') + 24));
    });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }

  #orderFor(chunk: Buffer): Cut | undefined {
    const at = this.#orders.findIndex(({ request }) =>
      chunk.toString('latin1').startsWith(request),
    );
    return at < 0 ? undefined : this.#orders.splice(at, 1)[0]?.cut;
  }
}
