import type { Type } from '@nestjs/common';

/** The methods of a class, inherited ones too. */
export function methodsOf(type: Type): [name: string, method: object][] {
  const found = new Map<string, object>();
  let level: unknown = type.prototype;
  while (typeof level === 'object' && level !== null && level !== Object.prototype) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (typeof value === 'function' && !found.has(name)) found.set(name, value as object);
    }
    level = Object.getPrototypeOf(level);
  }
  return [...found];
}
