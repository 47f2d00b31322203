import { type Calls, isPassing } from './calls.js';
import type { DirectMessage, MessageRemoved, ReadMessage } from './documents.js';
import { Emitter } from './emitter.js';
import type { HistoryEvents } from './room_history.js';
import { backoff, wait } from './timing.js';

const PAGE = 100;

/**
 * The messages with one user, pages and events joined, oldest first. The daemon does not tell a user's other devices
 * what this user writes: that comes with the next `load`, which each reconnect brings.
 */
export class DialogHistory extends Emitter<HistoryEvents<DirectMessage>> {
  /** Never changed, but replaced. */
  messages: readonly DirectMessage[] = [];
  /** Whether the dialog's first message is there. */
  isComplete = false;
  /** What was told while pages are loaded: they may be older. */
  private told: ((messages: Map<string, DirectMessage>) => void)[] = [];
  private loads = 0;
  private round = 0;

  constructor(private calls: Calls, readonly user: string) {
    super();
  }

  /** Loads the latest messages and joins them; those that are there go, if messages between are missing. */
  async load(): Promise<void> {
    const round = ++this.round;
    for (let failures = 1; round === this.round; failures++) {
      try {
        const page = await this.page(0);
        if (round !== this.round) return;
        const known = new Set(this.messages.map(({ _id }) => _id));
        const joins = page.some(({ _id }) => known.has(_id));
        if (!joins || page.length < PAGE) this.isComplete = page.length < PAGE;
        return this.put(joins ? [...this.messages, ...page] : page);
      } catch (error) {
        if (!isPassing(error)) return void (round === this.round && this.emit('fault', error));
        await wait(backoff(failures)).over;
      }
    }
  }

  /** Loads older messages: a page of them, or fewer at the beginning. Throws ApiError or NoAnswer. */
  async older(): Promise<void> {
    const round = this.round;
    const known = new Set(this.messages.map(({ _id }) => _id));
    if (this.isComplete || !known.size) return;
    // One that is there comes again. If none does, messages were removed, and others moved up: look nearer to the end.
    for (let skip = known.size - 1; ; skip = Math.max(0, skip - PAGE + 1)) {
      const page = await this.page(skip);
      if (round !== this.round) return;
      const joins = page.some(({ _id }) => known.has(_id));
      if (!joins && skip > 0) continue;
      this.isComplete = page.length < PAGE;
      return this.put(joins ? [...page, ...this.messages] : page);
    }
  }

  /** A message of this dialog, from an event or from the answer to sending it. */
  add(message: DirectMessage): void {
    this.tell((messages) => {
      if (!messages.get(message._id)?.read) messages.set(message._id, message);
    });
  }

  read({ data }: ReadMessage): void {
    this.tell((messages) => messages.has(data._id) && messages.set(data._id, data));
  }

  remove({ message, created_at }: MessageRemoved): void {
    this.tell((messages) => {
      const known = messages.get(message);
      if (known) messages.set(message, { ...known, text: null, removed_at: created_at });
    });
  }

  /** A message that the user has removed, on this side alone. */
  forget(id: string): void {
    this.tell((messages) => messages.delete(id));
  }

  private tell(what: (messages: Map<string, DirectMessage>) => unknown): void {
    if (this.loads) this.told.push(what);
    this.put(this.messages, [what]);
  }

  private async page(skip: number): Promise<DirectMessage[]> {
    this.loads++;
    try {
      return (await this.calls.call('/user/dialog', { user: this.user, skip, limit: PAGE })).dialog.reverse();
    } finally {
      setTimeout(() => {
        if (!--this.loads) this.told = [];
      });
    }
  }

  private put(all: readonly DirectMessage[], told = this.told): void {
    const byId = new Map<string, DirectMessage>();
    for (const message of all) byId.set(message._id, message);
    for (const what of told) what(byId);
    // Sorting is stable: messages of one millisecond stay in the daemon's order. ISO times sort as strings.
    this.messages = [...byId.values()].sort((one, other) =>
      one.created_at < other.created_at ? -1 : one.created_at > other.created_at ? 1 : 0,
    );
    this.emit('change', this.messages);
  }
}
