import type { TokenResponse } from '../contract/responses.js';
import type { User } from './options.js';

/** A moment by both clocks: each can fail where the other does not. */
export interface Moment {
  /** Unaffected by whoever sets the clock; may stand still while a laptop sleeps. */
  monotonic: number;
  wall: number;
}

/** @param age milliseconds that it lies back. */
export function moment(age = 0): Moment {
  return { monotonic: performance.now() - age, wall: Date.now() - age };
}

/** What tabs tell each other of an access token. Times are milliseconds. */
export interface SharedToken {
  accessToken: string;
  sessionId: string;
  user: User;
  lifetime: number;
  age: number;
  /** When it was told, by the machine's clock. */
  at: number;
}

/** Renewed this long before its end (milliseconds), or this part of its life if that is less. */
const MARGIN = 60_000;
const MARGIN_PART = 0.2;
/** Handed out while it has this much left (milliseconds), or this part of its life. */
const FRESH = 10_000;
const FRESH_PART = 0.1;

/**
 * An access token, and how long it lives by the server's clock: counted from before it was asked for, since
 * this machine's clock may be wrong, and by whichever clock says that more time has gone by.
 */
export class AccessToken {
  readonly #due: number;

  constructor(
    readonly text: string,
    readonly sessionId: string,
    readonly user: User,
    readonly lifetime: number,
    readonly born: Moment,
  ) {
    const margin = Math.min(MARGIN, lifetime * MARGIN_PART);
    // Not all tabs at once: the first one shares what it gets.
    this.#due = margin * (1 + Math.random() / 2);
  }

  static of(answer: TokenResponse, asked: Moment): AccessToken {
    const { accessToken, sessionId, user, expiresIn } = answer;
    return new AccessToken(accessToken, sessionId, user, expiresIn * 1000, asked);
  }

  static from({ accessToken, sessionId, user, lifetime, age, at }: SharedToken): AccessToken {
    const born = moment(age + Math.max(0, Date.now() - at));
    return new AccessToken(accessToken, sessionId, user, lifetime, born);
  }

  share(): SharedToken {
    const { text, sessionId, user, lifetime } = this;
    return { accessToken: text, sessionId, user, lifetime, age: this.age(), at: Date.now() };
  }

  /** Milliseconds since it was asked for. Lifetimes differ: of two tokens the younger one is newer. */
  age(): number {
    const now = moment();
    return Math.max(now.monotonic - this.born.monotonic, now.wall - this.born.wall);
  }

  /** Milliseconds of life left; negative when it is over. */
  remaining(): number {
    return this.lifetime - this.age();
  }

  /** Milliseconds until it should be renewed. */
  untilDue(): number {
    return this.remaining() - this.#due;
  }

  isFresh(): boolean {
    return this.remaining() > Math.min(FRESH, this.lifetime * FRESH_PART);
  }

  expiresAt(): number {
    return Date.now() + this.remaining();
  }

  withUser(user: User): AccessToken {
    return new AccessToken(this.text, this.sessionId, user, this.lifetime, this.born);
  }
}
