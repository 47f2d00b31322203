import { Calls, type CallOptions, type Body, type Path, type Result } from './calls.js';
import { DialogHistory } from './dialog_history.js';
import type { DirectMessage, Message, MessageRemoved, Ready, Room, SocketEvents, User } from './documents.js';
import { Emitter } from './emitter.js';
import { type Draft, Outbox, type OutboxEvents, type Unsent } from './outbox.js';
import { type Move, type Numbered, type Position, Tracker } from './position.js';
import { RoomHistory } from './room_history.js';
import { Socket, type State } from './socket.js';
import { memoryStorage, type Storage } from './storage.js';

export interface Options {
  /** The daemon's address, as `https://chat.example.com`; the page's own by default. */
  url?: string;
  /** The raw WebSocket; `/ws` at the same address by default. */
  socketUrl?: string;
  /** Where the session and unsent messages survive a reload; by default they do not. */
  storage?: Storage;
  /** Whether the storage keeps the session's key, too. True by default. */
  keepSession?: boolean;
  /** The position to go on from, of an app that stores what it shows. */
  position?: Position;
  fetch?: typeof fetch;
  /** Node before 22 has none of its own: the class of the package `ws` is one. */
  WebSocket?: new (url: string) => WebSocket;
  /** Milliseconds that one try of a call, or of binding the socket, may take. 30,000 by default. */
  timeout?: number;
  /** Milliseconds without an event after which the socket is tried. 300,000 by default. */
  checkAfter?: number;
}

export interface Session {
  session_key: string;
  /** The user's id. */
  user: string;
}

export interface ClientEvents extends SocketEvents {
  state: State;
  /** The socket is bound, and all is told that was missed. Not `recovered`: load anew what is shown. */
  ready: Ready & { recovered: boolean };
  /** The room that the user is in is another one, or none. */
  room: string | null;
  /** The session is over; the reason is the socket's close code (4403: an operator has suspended the user). */
  'signed-out': { code: number };
  /** Any event of the socket, those of later releases too. */
  event: { name: string; data: unknown };
  unsent: readonly Unsent[];
  sent: OutboxEvents['sent'];
  fault: unknown;
}

const SESSION = 'justchat.session';

/** A user's client: the calls, the events, and what they make together. */
export class JustChat extends Emitter<ClientEvents> {
  readonly calls: Calls;
  session: Session | null = null;
  /** The users whom the user blocks. Rooms are shared ground: hide what these write. */
  blocks: ReadonlySet<string> = new Set();
  private storage: Storage;
  private keepSession: boolean;
  private socket: Socket;
  private outbox: Outbox | null = null;
  private rooms = new Map<string, RoomHistory>();
  private dialogs = new Map<string, DialogHistory>();

  constructor(options: Options = {}) {
    super();
    const url = (options.url ?? globalThis.location.origin).replace(/\/+$/, '');
    this.storage = options.storage ?? memoryStorage();
    this.keepSession = options.keepSession ?? true;
    const timeout = options.timeout ?? 30_000;
    this.calls = new Calls({
      url,
      fetch: options.fetch ?? ((input, init) => fetch(input, init)),
      timeout,
      bearer: () => this.session?.session_key ?? null,
    });
    this.socket = new Socket(
      options.socketUrl ?? `${url.replace(/^http/, 'ws')}/ws`,
      options.WebSocket ?? WebSocket,
      new Tracker(options.position),
      {
        key: () => this.session?.session_key ?? null,
        changed: (state) => this.emit('state', state),
        event: (name, data, move) => this.told(name, data, move),
        caughtUp: (ready, recovered) => this.caughtUp(ready, recovered),
        over: (code) => void this.forget().then(() => this.emit('signed-out', { code })),
      },
      timeout,
      options.checkAfter ?? 300_000,
    );
    if (typeof document !== 'undefined' && typeof window !== 'undefined') {
      window.addEventListener('online', () => this.socket.nudge());
      document.addEventListener('visibilitychange', () => document.hidden || this.socket.nudge());
    }
  }

  get state(): State {
    return this.socket.state;
  }

  /** How far the events have come, null before the first `ready`. An app that stores what it shows stores it, too. */
  get position(): Position | null {
    return this.socket.tracker.position;
  }

  /** Messages that are not known to be sent, oldest first. */
  get unsent(): readonly Unsent[] {
    return this.outbox?.items ?? [];
  }

  /** Makes any call, with its types. Throws ApiError or NoAnswer. */
  call<P extends Path>(path: P, body: Body<P>, options?: CallOptions): Promise<Result<P>> {
    return this.calls.call(path, body, options);
  }

  /** Signs in with what `/init/auth` takes. Not repeated: each answer is another session. */
  async signIn(body: Body<'/init/auth'>): Promise<User> {
    const { session_key, user } = await this.calls.call('/init/auth', body, { tries: 1, idempotencyKey: null });
    await this.resume({ session_key, user: user._id });
    return user;
  }

  /** Takes up the session of an earlier page. Returns whether there is one. */
  async restore(): Promise<boolean> {
    const kept = await this.storage.getItem(SESSION);
    if (kept === null) return false;
    await this.resume(JSON.parse(kept) as Session);
    return true;
  }

  /** Goes on with a session that another made: an app's server, for one. */
  async resume(session: Session): Promise<void> {
    this.session = session;
    if (this.outbox?.user === session.user) this.outbox.wake();
    else await this.open(session.user);
    if (this.keepSession) await this.storage.setItem(SESSION, JSON.stringify(session));
  }

  /** Ends the session, here and at the daemon. What is unsent stays for this user's next session. */
  async signOut(): Promise<void> {
    this.socket.stop();
    await this.calls.call('/init/exit', {}).finally(() => this.forget());
    this.close();
  }

  /** Forgets the session, without a word to the daemon: a call was answered with 440, for one. */
  async forget(): Promise<void> {
    const session = this.session;
    this.session = null;
    const kept = await this.storage.getItem(SESSION);
    // Another tab may have signed in since.
    if (session && kept === JSON.stringify(session)) await this.storage.removeItem(SESSION);
  }

  /** Opens the socket, and opens it again whenever it is lost, until `disconnect`. */
  connect(): void {
    this.socket.start();
  }

  disconnect(): void {
    this.socket.stop();
  }

  /** Enters a room; the one before is left. Its history is loaded once the socket tells of it. */
  async enter(id: string, password?: string): Promise<Room> {
    const room = password === undefined ? { id } : { id, password };
    return (await this.calls.call('/room/enter', { room })).room;
  }

  /** Sends a message: now, or once that is possible, after a reload too. Rejects with ApiError if it is refused. */
  send(draft: Draft): Promise<Message | DirectMessage> {
    return this.outbox ? this.outbox.add(draft) : Promise.reject(new Error('nobody is signed in'));
  }

  retry(clientId: string): void {
    this.outbox?.retry(clientId);
  }

  discard(clientId: string): void {
    this.outbox?.discard(clientId);
  }

  /** A room's history. It is loaded, and goes on, while the user is in the room. */
  room(id: string): RoomHistory {
    let history = this.rooms.get(id);
    if (!history) {
      this.rooms.set(id, (history = new RoomHistory(this.calls, id)));
      if (this.state === 'online' && this.position?.room === id) void history.load();
    }
    return history;
  }

  /** The messages with a user. */
  dialog(user: string): DialogHistory {
    let history = this.dialogs.get(user);
    if (!history) {
      this.dialogs.set(user, (history = new DialogHistory(this.calls, user)));
      if (this.state === 'online') void history.load();
    }
    return history;
  }

  /** Lets go of a history that is shown no more. */
  release(history: RoomHistory | DialogHistory): void {
    if (history instanceof RoomHistory) {
      history.leave();
      this.rooms.delete(history.room);
    } else {
      this.dialogs.delete(history.user);
    }
  }

  private async open(user: string): Promise<void> {
    this.close();
    const outbox = (this.outbox = new Outbox(this.calls, this.storage, user));
    outbox.on('change', (items) => this.emit('unsent', items));
    outbox.on('fault', (error) => this.emit('fault', error));
    outbox.on('sent', (sent) => {
      const { message } = sent;
      // Its number does not move the position: events with smaller ones may still come.
      if (message.room !== null) this.rooms.get(message.room)?.add(message);
      else this.dialogs.get(message.user)?.add(message);
      this.emit('sent', sent);
    });
    await outbox.load();
  }

  /** Forgets what belongs to a user. */
  private close(): void {
    this.outbox?.close();
    this.outbox = null;
    for (const history of [...this.rooms.values(), ...this.dialogs.values()]) this.release(history);
    this.socket.tracker.position = null;
  }

  private caughtUp(ready: Ready, recovered: boolean): void {
    this.blocks = new Set(ready.blocks);
    for (const history of this.rooms.values()) {
      if (history.room !== ready.room) history.leave();
      else if (!recovered || !history.isLive) void history.load();
    }
    for (const history of this.dialogs.values()) void history.load();
    this.outbox?.wake();
    if (!recovered) this.emit('room', ready.room);
    this.emit('ready', { ...ready, recovered });
  }

  private told(name: string, data: Numbered, move: Move): void {
    const events = data as SocketEvents[keyof SocketEvents];
    if (name === 'message' || (name === 'service-message' && data.n === undefined)) {
      const message = events as Message;
      this.rooms.get(message.room)?.add(message);
    } else if (name === 'direct-message') {
      const message = events as SocketEvents['direct-message'];
      this.dialogs.get(message.author)?.add({ ...message, type: null });
    } else if (name === 'read-message') {
      const receipt = events as SocketEvents['read-message'];
      this.dialogs.get(receipt.author)?.read(receipt);
    } else if (name === 'message-removed') {
      this.removed(events as MessageRemoved);
    }
    if (move === 'left' && data.room) this.rooms.get(data.room)?.leave();
    if (move === 'entered') {
      for (const history of this.rooms.values()) {
        if (history.room === data.room) void history.load();
        else history.leave();
      }
    }
    if (move) this.emit('room', this.position?.room ?? null);
    this.emit('event', { name, data });
    // Those of later releases have handlers by `event` alone; the map of the others is complete.
    this.emit(name as keyof SocketEvents, events as never);
  }

  private removed(removal: MessageRemoved): void {
    if (removal.room !== null) this.rooms.get(removal.room)?.remove(removal);
    else for (const dialog of this.dialogs.values()) dialog.remove(removal);
  }
}
