import type { Ready } from './documents.js';
import { type Move, type Numbered, Tracker } from './position.js';
import { backoff } from './timing.js';

/**
 * `waiting` for the next try; `signed-out`: the session is over, sign in; `failed`: the daemon and this client do not
 * understand each other, and another try would end like this one.
 */
export type State = 'stopped' | 'connecting' | 'catching-up' | 'online' | 'waiting' | 'signed-out' | 'failed';

/** What a client does when its socket was closed (docs/protocol.rst, "Close codes"). */
export type Remedy = 'again' | 'after a minute' | 'anew' | 'sign in' | 'give up';

export function remedy(code: number): Remedy {
  switch (code) {
    case 1002: case 1007: case 1009: return 'give up';
    case 4400: return 'anew';
    case 4403: case 4440: return 'sign in';
    case 4429: return 'after a minute';
    default: return 'again';
  }
}

export interface SocketListener {
  key(): string | null;
  changed(state: State): void;
  /** An event that was not told before, and the move of the user's that it tells of. */
  event(name: string, data: Numbered, move: Move): void;
  /** All is told that was missed; not `recovered`: some is not, so what is shown is loaded anew. */
  caughtUp(ready: Ready, recovered: boolean): void;
  over(code: number): void;
}

const STABLE = 30_000;
const MINUTE = 60_000;

type Timer = ReturnType<typeof setTimeout>;

/** The socket, opened again whenever it is lost. It tells each event once, in the order of its room and of its user. */
export class Socket {
  state: State = 'stopped';
  private socket: WebSocket | null = null;
  private ready: Ready | null = null;
  /** Whether an `init` is not fully answered. */
  private asked = false;
  private resumes = false;
  private failures = 0;
  private malformed = 0;
  /** Whether the daemon asked for a minute's pause. */
  private isHeldOff = false;
  private next: Timer | undefined;
  private deadline: Timer | undefined;
  private stable: Timer | undefined;
  private silence: Timer | undefined;

  constructor(
    private url: string,
    private make: new (url: string) => WebSocket,
    readonly tracker: Tracker,
    private listener: SocketListener,
    /** Milliseconds in which `init` is answered. */
    private patience: number,
    /** Milliseconds without a word after which it looks whether the daemon is still there. */
    private checkAfter: number,
  ) {}

  start(): void {
    if (this.socket || this.state === 'waiting') return;
    this.failures = this.malformed = 0;
    this.open();
  }

  stop(state: State = 'stopped'): void {
    this.drop();
    clearTimeout(this.next);
    this.become(state);
  }

  /** Looks now: the network is back, or the page is seen again. */
  nudge(): void {
    if (this.state === 'online') this.init();
    else if (this.state === 'waiting' && !this.isHeldOff) this.later(backoff(0));
  }

  private become(state: State): void {
    if (this.state === state) return;
    this.state = state;
    this.listener.changed(state);
  }

  private open(): void {
    this.become('connecting');
    const socket = (this.socket = new this.make(this.url));
    this.expect();
    socket.onopen = () => this.init();
    socket.onmessage = ({ data }) => this.receive(String(data));
    socket.onclose = ({ code }) => this.lost(code);
    socket.onerror = () => {}; // a close follows
  }

  /** Binds the socket to the session; on one that is bound, asks for what is missing. */
  private init(): void {
    if (this.asked || this.socket?.readyState !== 1) return;
    const position = this.tracker.position;
    const { n, room, seq } = position ?? {};
    this.resumes = position !== null;
    this.asked = true;
    this.ready = null;
    const where = room != null && seq != null ? { room, seq } : {};
    const data = { session_key: this.listener.key() ?? '', ...(position ? { n, ...where } : {}) };
    this.socket.send(JSON.stringify({ event: 'init', data }));
    this.expect();
  }

  private expect(): void {
    clearTimeout(this.deadline);
    this.deadline = setTimeout(() => this.lost(1006), this.patience);
  }

  private receive(text: string): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.init(), this.checkAfter);
    if (this.asked) this.expect();
    let frame: { event: string; data: Numbered & { recovered?: boolean } };
    try {
      frame = JSON.parse(text);
    } catch {
      return this.stop('failed');
    }
    const { event, data } = frame;
    if (event === 'ready') this.meet(data as unknown as Ready);
    else if (event === 'caught-up') this.finish(data.recovered === true);
    else if (event !== 'error') this.tell(event, data); // after an error comes a close, whose code says the same
  }

  private meet(ready: Ready): void {
    this.ready = ready;
    this.tracker.meet(ready);
    clearTimeout(this.stable);
    this.stable = setTimeout(() => (this.failures = this.malformed = 0), STABLE);
    if (!this.resumes) this.finish(false);
    else if (this.state === 'connecting') this.become('catching-up');
  }

  private finish(recovered: boolean): void {
    const ready = this.ready;
    if (!ready || !this.asked) return;
    this.asked = false;
    clearTimeout(this.deadline);
    if (recovered) recovered = this.tracker.finish(ready);
    else this.tracker.start(ready);
    if (this.state === 'online' && recovered) return; // it only looked whether the daemon is there
    this.become('online');
    this.listener.caughtUp(ready, recovered);
  }

  private tell(event: string, data: Numbered): void {
    const { isNew, move } = this.tracker.take(event, data);
    if (isNew) this.listener.event(event, data, move);
  }

  /** Forgets the socket at once: one that is dead would take minutes to say that it is closed. */
  private drop(): void {
    for (const timer of [this.deadline, this.stable, this.silence]) clearTimeout(timer);
    const socket = this.socket;
    this.socket = null;
    this.asked = false;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    try {
      socket.close();
    } catch {
      // It was not open yet.
    }
  }

  private lost(code: number): void {
    this.drop();
    const what = remedy(code);
    if (what === 'anew') this.tracker.position = null;
    if (what === 'sign in') {
      this.stop('signed-out');
      this.listener.over(code);
    } else if (what === 'give up' || (what === 'anew' && this.malformed++)) {
      this.stop('failed');
    } else {
      this.failures++;
      this.isHeldOff = what === 'after a minute';
      this.become('waiting');
      this.later(this.isHeldOff ? MINUTE + backoff(this.failures) : backoff(this.failures));
    }
  }

  private later(milliseconds: number): void {
    clearTimeout(this.next);
    this.next = setTimeout(() => this.open(), milliseconds);
  }
}
