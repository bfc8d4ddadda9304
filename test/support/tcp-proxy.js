import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** A network between a service and its database that can fall silent without hanging up. */
export class TcpProxy {
  #silent = false;
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

  /** Takes everything from now on, and passes nothing on. */
  fallSilent() {
    this.#silent = true;
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
        for (const other of ends) other.destroy();
      });
    }
    const [, far] = ends;
    if (far === undefined) near.resume();
    else near.pipe(far).pipe(near);
  }
}
