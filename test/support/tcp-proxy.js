import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { Transform } from 'node:stream';

/** A network between a service and its database that can fall silent without hanging up. */
export class TcpProxy {
  #silent = false;
  /** @type {string | undefined} */
  #holdFrom;
  /** @type {(() => void)[]} */
  #held = [];
  /** @type {Set<import('node:net').Socket>} */
  #sockets = new Set();
  #server = createServer((near) => this.#join(near));
  #target = 0;

  /**
   * @param {number} target port on this machine.
   * @returns {Promise<TcpProxy>}
   */
  static async to(target) {
    const proxy = new TcpProxy();
    proxy.#target = target;
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port() {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** How many connections stand still because of `holdFrom`. */
  get held() {
    return this.#held.length;
  }

  /** Takes everything from now on, and passes nothing on. */
  fallSilent() {
    this.#silent = true;
    this.forgetConnections();
  }

  /**
   * Keeps what is sent from the packet with this text on, connection by connection: it lies in transit.
   *
   * @param {string} text
   */
  holdFrom(text) {
    this.#holdFrom = text;
  }

  /** Delivers what lay in transit, whether or not its sender is still there. */
  letThrough() {
    this.#holdFrom = undefined;
    for (const deliver of this.#held.splice(0)) deliver();
  }

  /** As when another host takes the server's place without a word: only new connections lead anywhere. */
  forgetConnections() {
    for (const socket of this.#sockets) socket.unpipe().resume();
  }

  /** Hangs up on everybody and works again. */
  recover() {
    this.#silent = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.recover();
    await closed;
  }

  /** @param {import('node:net').Socket} near */
  #join(near) {
    const ends = this.#silent ? [near] : [near, connect(this.#target, '127.0.0.1')];
    for (const socket of ends) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        if (this.#held.length > 0) return;
        for (const other of ends) other.destroy();
      });
    }
    const [, far] = ends;
    if (far === undefined) near.resume();
    else near.pipe(this.#transit()).pipe(far).pipe(near);
  }

  #transit() {
    return new Transform({
      transform: (/** @type {Buffer} */ chunk, _encoding, done) => {
        const deliver = () => done(null, chunk);
        if (this.#holdFrom !== undefined && chunk.includes(this.#holdFrom))
          this.#held.push(deliver);
        else deliver();
      },
    });
  }
}
