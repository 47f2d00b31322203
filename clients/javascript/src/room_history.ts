import { type Calls, isPassing } from './calls.js';
import type { Message, MessageRemoved } from './documents.js';
import { Emitter } from './emitter.js';
import { backoff, wait } from './timing.js';

export interface HistoryEvents<M> {
  /** The messages have changed. */
  change: readonly M[];
  /** The history could not be loaded: the user is not in the room, for one. */
  fault: unknown;
}

const PAGE = 100;
/** Messages that are kept. Older ones can be loaded again. */
const BOUND = 10_000;

/** A room's messages, pages and events joined, oldest first. Each is there once, and between two none is left out. */
export class RoomHistory extends Emitter<HistoryEvents<Message>> {
  /** Never changed, but replaced. Numbers may be missing (docs/protocol.rst, "Message"). */
  messages: readonly Message[] = [];
  /** Whether the latest messages are there, and those to come will be. */
  isLive = false;
  /** Whether the room's first message is there. */
  isComplete = false;
  private bySeq = new Map<number, Message>();
  /** What comes while a first page is loaded: it may be missing there. */
  private arriving: Message[] | null = null;
  /** The removals told while a page is loaded: it may be older than they are. */
  private removals: MessageRemoved[] = [];
  private loads = 0;
  private round = 0;

  constructor(private calls: Calls, readonly room: string) {
    super();
  }

  /** Loads the latest messages, in place of all. Call it after `ready`, not before: what comes in between is joined. */
  async load(): Promise<void> {
    const round = ++this.round;
    this.isLive = false;
    this.arriving = [];
    for (let failures = 1; round === this.round; failures++) {
      try {
        const page = await this.page(-PAGE);
        if (round !== this.round) return;
        this.bySeq = new Map();
        // A page that does not begin at 1 may still hold the first message, where numbers are missing.
        this.isComplete = page[0]?.seq === 1 || page.length === 0;
        this.put([...page, ...(this.arriving ?? [])]);
        this.arriving = null;
        this.isLive = true;
        return this.show();
      } catch (error) {
        if (!isPassing(error)) return this.fail(round, error);
        await wait(backoff(failures)).over;
      }
    }
  }

  /** Loads older messages: a page of them, or fewer at the beginning. Throws ApiError or NoAnswer. */
  async older(): Promise<void> {
    const oldest = this.messages[0]?.seq;
    const round = this.round;
    if (oldest === undefined || this.isComplete) return;
    // From the start, which does not move. Where numbers are missing, a page overlaps what is there.
    for (let skip = oldest - 1; skip > 0 && round === this.round; ) {
      skip = Math.max(0, skip - PAGE);
      const page = await this.page(skip);
      if (round !== this.round) return;
      this.isComplete = skip === 0;
      this.put(page);
      if (page.some((message) => message.seq < oldest)) break;
    }
    this.show();
  }

  /** An event of this room. */
  add(message: Message): void {
    this.arriving?.push(message);
    if (!this.isLive) return;
    this.put([message]);
    this.show();
  }

  /** A removal in this room. */
  remove(removal: MessageRemoved): void {
    if (this.loads || this.arriving) this.removals.push(removal);
    if (this.isLive && this.erase(removal)) this.show();
  }

  /** The user has left the room: events come no more. What is there stays. */
  leave(): void {
    this.round++;
    this.isLive = false;
    this.arriving = null;
  }

  private async page(skip: number): Promise<Message[]> {
    this.loads++;
    try {
      return (await this.calls.call('/room/chat', { room: this.room, skip, limit: PAGE })).chat;
    } finally {
      // The page is joined in the same turn, before another event or page can come.
      setTimeout(() => {
        if (!--this.loads && !this.arriving) this.removals = [];
      });
    }
  }

  private put(messages: Message[]): void {
    for (const message of messages) {
      // A held message that is let go has the number of its place beside the event's.
      const seq = message.message_seq ?? message.seq;
      const known = this.bySeq.get(seq);
      // A page may be older than what was told meanwhile, an event older than the page.
      if (!known?.removed_at) this.bySeq.set(seq, seq === message.seq ? message : { ...message, seq });
    }
    for (const removal of this.removals) this.erase(removal);
  }

  private erase(removal: MessageRemoved): boolean {
    let found = false;
    const blank = { text: null, ref_message: null, removed_at: removal.created_at };
    for (const [seq, message] of this.bySeq) {
      const quoted = message.ref_message;
      if (message._id === removal.message) {
        found = true;
        if (removal.held) this.bySeq.delete(seq);
        else if (!message.removed_at) this.bySeq.set(seq, { ...message, ...blank });
      } else if (quoted?._id === removal.message) {
        found = true;
        this.bySeq.set(seq, { ...message, ref_message: { ...quoted, ...blank } });
      }
    }
    return found;
  }

  private fail(round: number, error: unknown): void {
    if (round !== this.round) return;
    this.arriving = null;
    this.emit('fault', error);
  }

  private show(): void {
    const messages = [...this.bySeq.values()].sort((one, other) => one.seq - other.seq);
    if (messages.length > BOUND) {
      this.isComplete = false;
      for (const { seq } of messages.splice(0, messages.length - BOUND)) this.bySeq.delete(seq);
    }
    this.messages = messages;
    this.emit('change', messages);
  }
}
