import type { Ready } from './documents.js';

/** How far a client has come in the events of its user and of the room that the user is in. */
export interface Position {
  n: number;
  room: string | null;
  seq: number | null;
  /** The `seq` of entering the room, or one after it: what ended an earlier stay has a smaller one. */
  entered: number | null;
}

/** What the rules look at, in the data of any event. */
export interface Numbered {
  n?: number;
  room?: string | null;
  seq?: number | null;
  user?: unknown;
  type?: unknown;
}

/** How an event changes where the user is. */
export type Move = 'entered' | 'left' | null;

const ENDS = new Set<unknown>(['leave', 'kick', 'ban']);

/** Follows the position by the rules of docs/writing-a-client.rst. Its object is never changed, but replaced. */
export class Tracker {
  position: Position | null;
  private user: string | null = null;

  constructor(position: Position | null = null) {
    this.position = position;
  }

  /** `ready` without a replay, or the end of one that is incomplete: what is known is known from here on. */
  start(ready: Ready): void {
    this.user = ready.user;
    this.position = { n: ready.n, room: ready.room, seq: ready.seq, entered: ready.seq };
  }

  /** `ready` before a replay: its numbers count once the replay is over. */
  meet(ready: Ready): void {
    this.user = ready.user;
  }

  /** The end of a complete replay. Returns whether the user is still in the same stay in the same room. */
  finish(ready: Ready): boolean {
    const position = this.position;
    if (!position || position.room !== ready.room) {
      this.position = { n: Math.max(position?.n ?? 0, ready.n), room: ready.room, seq: ready.seq, entered: ready.seq };
      return false;
    }
    const seq = ready.seq === null ? null : Math.max(position.seq ?? 0, ready.seq);
    this.position = { ...position, n: Math.max(position.n, ready.n), seq };
    return true;
  }

  /** Whether an event is new. One that is, moves the position. */
  take(name: string, data: Numbered): { isNew: boolean; move: Move } {
    const position = this.position;
    const isOwn = name === 'service-message' && data.user === this.user;
    if (!position) return { isNew: true, move: null };
    if (typeof data.n === 'number') {
      if (data.n <= position.n) return { isNew: false, move: null };
      // The removal of a room is about nobody, and puts everybody out.
      const ends = (isOwn && ENDS.has(data.type)) || (name === 'service-message' && data.type === 'remove room');
      const left = ends && data.room === position.room && (data.seq ?? 0) > (position.entered ?? 0);
      this.position = { ...position, n: data.n, ...(left ? { room: null, seq: null, entered: null } : {}) };
      return { isNew: true, move: left ? 'left' : null };
    }
    if (typeof data.seq !== 'number' || typeof data.room !== 'string') return { isNew: true, move: null };
    const isHere = data.room === position.room;
    if (isHere && data.seq <= (position.seq ?? 0)) return { isNew: false, move: null };
    const entered = isOwn && data.type === 'new roommate';
    if (entered) {
      this.position = { ...position, room: data.room, seq: data.seq, entered: data.seq };
    } else if (isHere) {
      this.position = { ...position, seq: data.seq };
    }
    return { isNew: true, move: entered ? 'entered' : null };
  }
}
