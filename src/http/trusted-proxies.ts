import { BlockList, isIPv6 } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type LatchkeyConfig } from '../config.js';
import { readIpAddress } from './ip-address.js';

/** The bits of the prefix of IPv4 addresses that are mapped into IPv6. */
const MAPPED_BITS = 96;

/** The proxies of `TRUST_PROXY`. In a host application there are none: its adapter has a setting of its own. */
@Injectable()
export class TrustedProxies {
  readonly #list = new BlockList();

  constructor(@Inject(CONFIG) { trustProxy }: Pick<LatchkeyConfig, 'trustProxy'>) {
    for (const range of trustProxy) this.#add(range);
  }

  /** @param address as a socket or a header has it; what is no address is not trusted. */
  has(address: string | undefined): boolean {
    const canonical = readIpAddress(address);
    if (canonical === undefined) return false;
    return this.#list.check(canonical, isIPv6(canonical) ? 'ipv6' : 'ipv4');
  }

  #add(range: string): void {
    const [address = '', prefix] = range.split('/');
    const canonical = readIpAddress(address) ?? address;
    const isMapped = isIPv6(address) && !isIPv6(canonical);
    const family = isIPv6(canonical) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) this.#list.addAddress(canonical, family);
    else {
      const bits = Number(prefix) - (isMapped ? MAPPED_BITS : 0);
      if (bits >= 0) this.#list.addSubnet(canonical, bits, family);
      else this.#list.addSubnet(address, Number(prefix), 'ipv6');
    }
  }
}
