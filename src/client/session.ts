import { AccessToken, moment, type Moment, type SharedToken } from './access-token.js';
import { asLatchkeyError, type AuthCalls, type Granted } from './auth-calls.js';
import { type Kept, newKey } from './kept.js';
import type { LatchkeyError } from './latchkey-error.js';
import type { Change, User } from './options.js';
import { Setback, Timer } from './timing.js';
import { type Message, Tabs } from './tabs.js';

type Reason = Extract<Change, { type: 'signed-out' }>['reason'];

/** The one answer that ends a session. Whatever else is wrong may come right. */
const isTheEnd = ({ code, status }: LatchkeyError) =>
  status === 401 && code === 'refresh_token_invalid';

/** Milliseconds that other tabs have to say that they have a token; more if one has renewed just now. */
const ASK_WAIT = 200;
const ASK_WAIT_AFTER = 2_000;

/** `in` has an access token, if only an old one; `unknown` is what a new page begins with. */
type State = 'unknown' | 'in' | 'out';

/**
 * The session of this tab: holds the access token, in memory alone, and renews it. Ends for one reason
 * only: the user, here or in another tab, or the service's `refresh_token_invalid`.
 */
export class Session {
  #state: State = 'unknown';
  #access: AccessToken | undefined;
  /** Moves with every sign-in and sign-out: an answer that was asked for before one of them is void. */
  #epoch = 0;
  /** Called when there is a new access token, or none any more. */
  #moved = () => {};
  #renewal: Promise<AccessToken | undefined> | undefined;
  #cut = new AbortController();
  readonly #timer = new Timer(() => this.#check());
  readonly #setback = new Setback();
  readonly #tabs: Tabs;

  constructor(
    name: string,
    private readonly body: boolean,
    private readonly kept: Kept,
    private readonly calls: AuthCalls,
    private readonly emit: (change: Change) => void,
  ) {
    this.#tabs = new Tabs(name, (message) => {
      this.#hear(message).catch(() => undefined);
    });
  }

  /** Whether anybody is known to be signed in, or not known at all. */
  get state(): State {
    return this.#state;
  }

  get sessionId(): string | undefined {
    return this.#access?.sessionId;
  }

  /** What is known of the user, without asking. */
  get lastUser(): User | undefined {
    return this.#access?.user;
  }

  learn(user: User): void {
    if (this.#access?.user.id === user.id) this.#access = this.#access.withUser(user);
  }

  /** A token with some life left. @throws LatchkeyError when there should be one and can't be now. */
  async token(): Promise<AccessToken | undefined> {
    const held = this.#access;
    if (this.#state === 'out' || held?.isFresh() === true) return held;
    try {
      return await this.renew();
    } catch (error) {
      if (this.#access !== undefined && this.#access.remaining() > 0) return this.#access;
      throw error;
    }
  }

  /** One renewal at a time, for whoever asks. @throws LatchkeyError */
  renew(): Promise<AccessToken | undefined> {
    if (this.#renewal !== undefined) return this.#renewal;
    if (this.#setback.left() > 0) return Promise.reject(this.#setback.error);
    this.#cut = new AbortController();
    const { signal } = this.#cut;
    const held = this.#access;
    const epoch = this.#epoch;
    this.#renewal = this.#tabs
      .inTurn((waited) => this.#renewInTurn(held, epoch, signal, waited))
      .catch((error: unknown) => this.#failed(asLatchkeyError(error), signal))
      .finally(() => (this.#renewal = undefined));
    return this.#renewal;
  }

  /**
   * Signs in by what the work gets. It waits for a renewal that is under way, which it cuts short.
   *
   * @param outcome if the session is the same as before, with new tokens.
   */
  enter(work: () => Promise<Granted>, outcome?: 'rotated'): Promise<User> {
    this.#cut.abort();
    return this.#tabs.inTurn(async () => {
      const asked = moment();
      const granted = await work();
      this.#epoch += 1;
      const token = await this.#keep(granted, asked, outcome && this.kept.stamp());
      this.#accept(token, outcome);
      return token.user;
    });
  }

  /** Signs out by the work, which gets the refresh token. What it throws leaves everything as it is. */
  async leave(work: (refreshToken: string | undefined) => Promise<void>): Promise<void> {
    this.#cut.abort();
    await this.#tabs.inTurn(async () => {
      const { token } = await this.kept.read();
      if (token !== undefined || !this.body) await work(token);
      await this.end('logout');
    });
  }

  /** Forgets everything, and tells the other tabs. */
  async end(reason: Reason): Promise<void> {
    const kept = await this.kept.read().catch(() => undefined);
    const sessionId = this.#access?.sessionId ?? kept?.sid;
    await this.kept.write({});
    this.#tabs.tell({ type: 'signed-out', sessionId, reason });
    this.#forget(reason);
  }

  /** The page is looked at again, or the network is back: what was due may have been slept through. */
  wake(): void {
    if (this.#setback.error) this.#timer.set(this.#setback.left());
    else if (this.#state === 'in') this.#check();
  }

  /** The page comes back as it was left, and does not know what happened since. */
  restore(): void {
    this.#tabs.open();
    if (this.#state !== 'unknown') void this.renew().catch(() => undefined);
  }

  /** Another tab has written to the storage: perhaps it has signed in or out. */
  async stored(): Promise<void> {
    if (!this.body || this.#state === 'unknown') return;
    const record = await this.kept.read().catch(() => undefined);
    const isIn = this.#state === 'in';
    if (record !== undefined && isIn !== (record.token !== undefined))
      await this.renew().catch(() => undefined);
  }

  /** The page goes, perhaps to come back: an open channel would keep it from that. */
  suspend(): void {
    this.#tabs.close();
  }

  close(): void {
    this.#timer.close();
    this.#cut.abort();
    this.#tabs.close();
  }

  async #renewInTurn(
    held: AccessToken | undefined,
    epoch: number,
    signal: AbortSignal,
    waited: boolean,
  ): Promise<AccessToken | undefined> {
    const settled = () => this.#access?.text !== held?.text || this.#epoch !== epoch;
    const { token } = await this.kept.read();
    const nothing = this.body && token === undefined;
    if (!nothing && !settled()) await this.#askTabs(waited ? ASK_WAIT_AFTER : ASK_WAIT);
    if (settled()) return this.#access;
    if (nothing) this.#forget('elsewhere');
    else await this.#send(epoch, signal);
    return this.#access;
  }

  /** Another tab may have renewed just now: waits a moment for it to say so. */
  async #askTabs(wait: number): Promise<void> {
    if (!this.#tabs.tell({ type: 'ask' })) return;
    await new Promise<void>((done) => {
      this.#moved = done;
      setTimeout(done, wait);
    });
  }

  /** The key is kept before the request leaves and until the answer is kept. */
  async #send(epoch: number, signal: AbortSignal): Promise<void> {
    const record = await this.kept.read();
    if (await this.kept.letOthersArrive(record, signal)) {
      return epoch === this.#epoch ? this.#send(epoch, signal) : undefined;
    }
    const { token, key = newKey() } = record;
    if (this.body && token === undefined) return this.#forget('elsewhere');
    await this.kept.write({ ...record, key });
    const asked = moment();
    try {
      const granted = await this.calls.renew(token, key, signal);
      if (epoch !== this.#epoch) return;
      if (await this.#isReplaced(token, granted)) return await this.#send(epoch, signal);
      const access = await this.#keep(granted, asked, this.kept.stamp());
      if (epoch === this.#epoch) this.#accept(access, granted.outcome);
    } catch (error) {
      if (!isTheEnd(asLatchkeyError(error))) throw error;
      if (epoch !== this.#epoch) return;
      const now = await this.kept.read();
      const replaced = now.token !== undefined && now.token !== token;
      if (replaced) await this.#send(epoch, signal);
      else await this.end('refresh_token_invalid');
    }
  }

  /** Without locks another tab may have gone on with the answer before this one had it. */
  async #isReplaced(sent: string | undefined, { answer }: Granted): Promise<boolean> {
    const { token } = await this.kept.read();
    return token !== sent && token !== answer.refreshToken;
  }

  async #keep({ answer }: Granted, asked: Moment, at?: number): Promise<AccessToken> {
    const { refreshToken: token, sessionId: sid } = answer;
    await this.kept.write(this.body ? { token, sid, at } : { at });
    return AccessToken.of(answer, asked);
  }

  #accept(token: AccessToken, outcome: Granted['outcome'] | undefined): void {
    this.#adopt(token, outcome);
    this.#tabs.tell({ type: 'token', outcome, token: token.share() });
  }

  #adopt(token: AccessToken, outcome: Granted['outcome'] | undefined): void {
    const renewed = this.#access?.sessionId === token.sessionId && outcome !== undefined;
    this.#state = 'in';
    this.#access = token;
    this.#moved();
    this.#setback.over();
    this.#timer.set(token.untilDue());
    const { user, text } = token;
    const news = { user, accessToken: text, expiresAt: token.expiresAt() };
    this.emit(renewed ? { type: 'renewed', outcome, ...news } : { type: 'signed-in', ...news });
  }

  /** Nothing is told of a visitor who was never signed in, unless he was kept waiting for an answer. */
  #forget(reason: Reason): void {
    const news = this.#state === 'in' || this.#setback.error !== undefined;
    this.#cut.abort();
    this.#epoch += 1;
    this.#state = 'out';
    this.#access = undefined;
    this.#moved();
    this.#setback.over();
    this.#timer.stop();
    if (news) this.emit({ type: 'signed-out', reason });
  }

  /** A renewal that had to make way for a sign-in or a sign-out has what comes of that. */
  #failed(error: LatchkeyError, signal: AbortSignal): Promise<AccessToken | undefined> {
    if (!signal.aborted) this.#setback.happened(error);
    if (this.#state !== 'out') this.#timer.set(this.#setback.backOff());
    if (!signal.aborted) return Promise.reject(error);
    return this.#tabs.inTurn(async () => {
      if (this.#state === 'unknown') throw error;
      return this.#access;
    });
  }

  #check(): void {
    const wait = this.#access?.untilDue() ?? 0;
    const left = this.#setback.left();
    if (wait > 0 && this.#setback.error === undefined) this.#timer.set(wait);
    else if (left > 0) this.#timer.set(Math.ceil(left) + 1);
    else void this.renew().catch(() => undefined);
  }

  async #hear(message: Message): Promise<void> {
    if (message.type === 'ask') this.#answer();
    else if (message.type === 'signed-out') this.#hearOfEnd(message);
    else if (await this.#isOurs(message.token)) this.#hearOfToken(message);
  }

  #answer(): void {
    const token = this.#access;
    if (token?.isFresh() !== true) return;
    this.#tabs.tell({ type: 'token', outcome: undefined, token: token.share() });
  }

  /** Who shares a cookie shares the session; who keeps the refresh token may have one of his own. */
  async #isOurs({ sessionId }: SharedToken): Promise<boolean> {
    return !this.body || (await this.kept.read()).sid === sessionId;
  }

  #hearOfEnd({ sessionId, reason }: Extract<Message, { type: 'signed-out' }>): void {
    const ours = this.#access?.sessionId;
    if (ours === undefined || (sessionId ?? (this.body ? undefined : ours)) !== ours) return;
    this.#forget(reason === 'logout' ? 'elsewhere' : reason);
  }

  #hearOfToken({ token, outcome }: Extract<Message, { type: 'token' }>): void {
    const told = AccessToken.from(token);
    const held = this.#access;
    if (!told.isFresh() || told.text === held?.text) return;
    const same = held?.sessionId === told.sessionId;
    if (same && told.age() >= held.age()) return;
    if (!same) {
      this.#cut.abort();
      this.#epoch += 1;
    }
    this.#adopt(told, same ? (outcome ?? 'rotated') : undefined);
  }
}
