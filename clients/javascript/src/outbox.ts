import { ApiError, type Calls, isPassing } from './calls.js';
import type { DirectMessage, Message } from './documents.js';
import { Emitter } from './emitter.js';
import { randomId } from './random.js';
import { type Storage, Stored } from './storage.js';
import { backoff, wait, type Wait } from './timing.js';

/** A message for a room, or for a user. */
export type Draft =
  | { room: string; text: string; ref_message?: string }
  | { user: string; text: string };

/** A message that is not known to be sent. */
export type Unsent = Draft & {
  /** Makes every try the same message. */
  client_id: string;
  /** Milliseconds since the epoch: when it was written, and first tried. */
  written_at: number;
  tried_at: number | null;
  /** Why it is tried no more, unless `retry` is called; null while it waits for its turn or an answer. */
  failure: { code: string; detail: string } | null;
};

export interface OutboxEvents {
  change: readonly Unsent[];
  /** A message is stored by the daemon. */
  sent: { unsent: Unsent; message: Message | DirectMessage };
  /** What is unsent could not be written to the storage: a reload would lose it. */
  fault: unknown;
}

/** The daemon knows a `client_id` for a day. Later, a try whose answer was lost would send the message again. */
const KNOWN = 23 * 3600 * 1000;
const BOUND = 1000;

type Settle = { resolve(message: Message | DirectMessage): void; reject(error: unknown): void };

/** Sends what is unsent: one message of a conversation after the other, again until there is an answer. */
export class Outbox extends Emitter<OutboxEvents> {
  /** In the order in which they were written. */
  items: readonly Unsent[] = [];
  private stored: Stored<Unsent[]>;
  private busy = new Set<string>();
  private pauses = new Set<Wait>();
  private promised = new Map<string, Settle>();
  private isClosed = false;
  /** Whether the session is over, so that nothing can be sent. */
  private isHeld = false;

  constructor(private calls: Calls, storage: Storage, readonly user: string) {
    super();
    this.stored = new Stored(storage, `justchat.unsent.${user}`, []);
  }

  /** Takes up what an earlier page left. */
  async load(): Promise<void> {
    const left = await this.stored.read();
    const known = new Set(this.items.map((item) => item.client_id));
    this.show([...left.filter((item) => !known.has(item.client_id)), ...this.items]);
    this.run();
  }

  /** Resolves with the message once it is stored by the daemon; rejects if it is refused. It may take days. */
  add(draft: Draft): Promise<Message | DirectMessage> {
    if (this.items.length >= BOUND) return Promise.reject(new RangeError(`${BOUND} messages are unsent`));
    const item: Unsent = { ...draft, client_id: randomId(), written_at: Date.now(), tried_at: null, failure: null };
    const sent = new Promise<Message | DirectMessage>((resolve, reject) => {
      this.promised.set(item.client_id, { resolve, reject });
    });
    sent.catch(() => {}); // `items` tells of it, too
    this.show([...this.items, item]);
    void this.keep((items) => [...items, item]).then(() => this.run());
    return sent;
  }

  /** Tries a message again that has failed. */
  retry(clientId: string): void {
    // What may have been sent already becomes another message: that is what the person asks for now.
    this.update(clientId, (item) => ({
      ...item, failure: null, ...(isStale(item) ? { client_id: randomId(), tried_at: null } : {}),
    }));
    this.run();
  }

  /** Gives a message up. If it is being sent, it may arrive all the same. */
  discard(clientId: string): void {
    this.remove(clientId);
    this.promised.get(clientId)?.reject(new Error('discarded'));
    this.promised.delete(clientId);
  }

  /** Tries at once what waits for its next try: there is a connection, or a session, again. */
  wake(): void {
    this.isHeld = false;
    for (const pause of this.pauses) pause.end();
    this.run();
  }

  close(): void {
    this.isClosed = true;
    for (const pause of this.pauses) pause.end();
  }

  private run(): void {
    if (this.isClosed || this.isHeld) return;
    for (const item of this.items) {
      const place = conversation(item);
      if (item.failure || this.busy.has(place)) continue;
      this.busy.add(place);
      void this.drain(place).finally(() => {
        this.busy.delete(place);
        this.run(); // one may have come as the last one went
      });
    }
  }

  private async drain(place: string): Promise<void> {
    for (let failures = 0; !this.isClosed && !this.isHeld; ) {
      const item = this.items.find((each) => !each.failure && conversation(each) === place);
      if (!item) return;
      const error = await this.attempt(item);
      if (!isPassing(error)) {
        failures = 0;
        continue;
      }
      const pause = wait(Math.max(error instanceof ApiError ? error.retryAfter : 0, backoff(++failures)));
      this.pauses.add(pause);
      await pause.over;
      this.pauses.delete(pause);
    }
  }

  /** One try. Returns what kept it from being sent, or null. */
  private async attempt(item: Unsent): Promise<unknown> {
    if (isStale(item)) return this.fail(item, 'maybe-sent', 'whether it was sent a day ago is not known');
    if (item.tried_at === null) {
      const tried_at = Date.now();
      await this.update(item.client_id, (each) => ({ ...each, tried_at }));
    }
    try {
      const message = await this.post(item);
      this.remove(item.client_id);
      this.emit('sent', { unsent: item, message });
      this.promised.get(item.client_id)?.resolve(message);
      this.promised.delete(item.client_id);
      return null;
    } catch (error) {
      if (isPassing(error)) return error;
      if (error instanceof ApiError && error.status === 440) this.isHeld = true;
      else this.fail(item, error instanceof ApiError ? error.code : 'fault', String((error as Error).message), error);
      return null;
    }
  }

  private async post(item: Unsent): Promise<Message | DirectMessage> {
    // `client_id` does what an Idempotency-Key does, and for longer than one page lives.
    const options = { tries: 1, idempotencyKey: null };
    const { text, client_id } = item;
    if ('user' in item) {
      const { message } = await this.calls.call(
        '/user/sendMessage', { message: { user: item.user, text, client_id } }, options,
      );
      return message[0] as DirectMessage;
    }
    const ref = item.ref_message === undefined ? {} : { ref_message: item.ref_message };
    const { message } = await this.calls.call(
      '/room/sendMessage', { message: { room_id: item.room, text, client_id, ...ref } }, options,
    );
    return message;
  }

  private fail(item: Unsent, code: string, detail: string, error: unknown = new Error(detail)): void {
    void this.update(item.client_id, (each) => ({ ...each, failure: { code, detail } }));
    this.promised.get(item.client_id)?.reject(error);
    this.promised.delete(item.client_id);
  }

  private update(clientId: string, how: (item: Unsent) => Unsent): Promise<void> {
    const old = this.items.find((item) => item.client_id === clientId);
    if (!old) return Promise.resolve();
    const changed = how(old);
    const replace = (items: readonly Unsent[]): Unsent[] =>
      items.map((item) => (item.client_id === clientId ? changed : item));
    this.show(replace(this.items));
    return this.keep(replace);
  }

  private remove(clientId: string): void {
    const rest = (items: readonly Unsent[]): Unsent[] => items.filter((item) => item.client_id !== clientId);
    this.show(rest(this.items));
    void this.keep(rest);
  }

  private show(items: readonly Unsent[]): void {
    this.items = items;
    this.emit('change', items);
  }

  private keep(how: (items: Unsent[]) => Unsent[]): Promise<void> {
    return this.stored.change(how).catch((error: unknown) => this.emit('fault', error));
  }
}

function conversation(item: Unsent): string {
  return 'user' in item ? `user ${item.user}` : `room ${item.room}`;
}

function isStale(item: Unsent): boolean {
  return item.tried_at !== null && Date.now() - item.tried_at > KNOWN;
}
