import { networkInterfaces } from 'node:os';

/** An IPv4 address of this machine that is not loopback, if it has one. */
export function outerAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}
