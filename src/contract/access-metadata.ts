/* What the access decorators of the service and of the resource-server kit write on handlers and classes. */

export const PUBLIC_ROUTE = 'latchkey:public';
export const SERVICE_ROUTE = 'latchkey:service';
export const PREFLIGHT_ROUTE = 'latchkey:preflight';
export const FRESH_ROUTE = 'latchkey:fresh';
export const REQUIRED_ROLES = 'latchkey:roles';
export const REQUIRED_SCOPES = 'latchkey:scopes';

/** What asks for a token, so that it closes what a class opens. */
const CLOSING = [SERVICE_ROUTE, FRESH_ROUTE, REQUIRED_ROLES, REQUIRED_SCOPES];

type Decorated = (target: object, name?: string | symbol, descriptor?: PropertyDescriptor) => void;

/**
 * A decorator that writes one of these, for a handler or a class.
 *
 * @throws Error when it is applied beside `@Public()`, or `@Public()` beside it: one of the two is a mistake.
 */
export function accessDecorator(key: string, value: unknown): Decorated {
  return (target, name, descriptor) => {
    const place: object = descriptor?.value ?? target;
    const asks = CLOSING.includes(key) && value !== false;
    if (key === PUBLIC_ROUTE ? closes(place) : asks && opens(place)) {
      const type = typeof target === 'function' ? target.name : target.constructor.name;
      const where = name === undefined ? type : `${type}.${String(name)}`;
      throw new Error(`${where} is @Public() and asks for a token as well: remove one of the two`);
    }
    Reflect.defineMetadata(key, value, place);
  };
}

/**
 * Whether a handler takes calls without a token. What is on the handler itself counts, else what is on its class, else
 * what is on the class that it extends.
 */
export function isOpen(handler: object, type: object): boolean {
  for (const place of [handler, ...withAncestors(type)]) {
    if (opens(place)) return true;
    if (closes(place)) return false;
  }
  return false;
}

function opens(place: object): boolean {
  return Reflect.getOwnMetadata(PUBLIC_ROUTE, place) === true;
}

function closes(place: object): boolean {
  return CLOSING.some((key) => (Reflect.getOwnMetadata(key, place) ?? false) !== false);
}

function withAncestors(type: object): object[] {
  const ancestor: unknown = Object.getPrototypeOf(type);
  const isClass = typeof ancestor === 'function' && ancestor !== Function.prototype;
  return isClass ? [type, ...withAncestors(ancestor)] : [type];
}
