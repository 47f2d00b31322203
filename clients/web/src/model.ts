import { ApiError, type Draft, JustChat, type Message, NoAnswer, type Room, type User } from '../../javascript/src/index.js';
import { known, t } from './words/index.js';

/** What is shown, by the part of the address after `#`. */
export type Route = { page: 'rooms' | 'dialogs' | 'me' } | { page: 'room' | 'dialog'; id: string };

function routed(): Route {
  const [page, id] = location.hash.replace(/^#\/?/, '').split('/');
  if ((page === 'room' || page === 'dialog') && id) return { page, id };
  return { page: page === 'dialogs' || page === 'me' ? page : 'rooms' };
}

/** What is said of an error. */
export function explained(error: unknown): string {
  if (error instanceof NoAnswer) return t('error no-answer');
  if (!(error instanceof ApiError)) return String(error);
  return explainedCode(error.code, error.fields.map(({ field, detail }) => `${field}: ${detail}`).join('; ') || error.message);
}

export function explainedCode(code: string, detail: string): string {
  const word = known(`error ${code}`);
  return word ? t(word, { detail }) : detail;
}

/** All that the page knows. What changes it calls `changed`, and the page is drawn again before the next frame. */
export class Model {
  readonly chat = new JustChat({ storage: localStorage });
  route = routed();
  /** Whether it is known if somebody is signed in. */
  isReady = false;
  me: User | null = null;
  /** The room that is shown, once it is entered. */
  room: Room | null = null;
  /** Whether the room that is shown asks for its password. */
  asksPassword = false;
  /** Unread direct messages by sender. */
  unread = new Map<string, number>();
  /** One line about what happened last. */
  notice = '';
  private people = new Map<string, User | null>();
  private wanted = new Set<string>();
  private isDue = false;
  private isStale = false;

  constructor(private draw: () => void) {
    const { chat } = this;
    chat.on('state', () => this.changed());
    chat.on('unsent', () => this.changed());
    chat.on('ready', () => void this.attempt(this.refresh()));
    chat.on('service-message', (event) => event.room === this.room?._id && this.refreshRoom());
    chat.on('direct-message', ({ author }) => {
      if (this.route.page !== 'dialog' || this.route.id !== author) this.count(author, 1);
    });
    chat.on('room', (room) => {
      // Put out, or gone elsewhere from another window.
      if (this.room && room !== this.room._id && this.route.page === 'room') this.go('rooms', t('outside'));
    });
    chat.on('signed-out', () => this.forget());
    window.addEventListener('hashchange', () => {
      this.route = routed();
      this.notice = '';
      this.room = null;
      this.asksPassword = false;
      if (this.me && this.route.page === 'room') void this.enter(this.route.id);
      this.changed();
    });
    void this.restore();
  }

  changed(): void {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.draw();
    });
  }

  go(page: Route['page'], notice = '', id?: string): void {
    location.hash = id ? `#/${page}/${id}` : `#/${page}`;
    // The change of address, which comes later, clears what was said before.
    setTimeout(() => this.say(notice));
  }

  say(notice: string): void {
    this.notice = notice;
    this.changed();
  }

  /** What a promise brings; undefined where it fails, and the page says why. */
  async attempt<T>(promise: Promise<T>): Promise<T | undefined> {
    try {
      return await promise;
    } catch (error) {
      if (error instanceof ApiError && error.status === 440) this.forget();
      this.say(explained(error));
      return undefined;
    } finally {
      this.changed();
    }
  }

  async signIn(phone: string, key: string): Promise<void> {
    this.begin(await this.chat.signIn({ phone, key }));
  }

  async signOut(everywhere = false): Promise<void> {
    if (everywhere) await this.attempt(this.chat.call('/init/exit-all', {}));
    await this.chat.signOut().catch(() => {});
    this.forget();
  }

  /** A person by id, asked for once; null while it is not known. */
  person(id: string): User | null {
    if (id === this.me?._id) return this.me;
    const found = this.people.get(id);
    if (found === undefined) {
      this.people.set(id, null);
      if (!this.wanted.size) setTimeout(() => void this.fetchPeople(), 20);
      this.wanted.add(id);
    }
    return found ?? null;
  }

  nameOf(id: string | null): string {
    const person = id === null ? null : this.person(id);
    return person?.nickname || (person?.phone ? `+${person.phone}` : t('nobody'));
  }

  async enter(id: string, password?: string): Promise<void> {
    try {
      const room = await this.chat.enter(id, password);
      if (this.route.page !== 'room' || this.route.id !== id) return;
      this.room = room;
      this.asksPassword = false;
      this.say('');
      this.chat.room(id).on('change', () => this.changed());
    } catch (error) {
      if (error instanceof ApiError && error.code === 'wrong-password') {
        this.asksPassword = true;
        this.say(password === undefined ? '' : explained(error));
      } else {
        this.go('rooms', explained(error));
      }
    }
  }

  async leave(): Promise<void> {
    const room = this.room;
    this.room = null; // before the event, which would say that somebody put us out
    if (room) await this.attempt(this.chat.call('/room/leave', { room_id: room._id }));
    this.go('rooms');
  }

  /** 2 for the admin of the room that is shown, 1 for its moderators, 0 for the others. */
  rank(id: string | undefined): number {
    if (id === this.room?.admin) return 2;
    return id && this.room?.moderators.includes(id) ? 1 : 0;
  }

  outranks(id: string): boolean {
    return this.rank(this.me?._id) > this.rank(id);
  }

  send(draft: Draft): void {
    void this.chat.send(draft).catch(() => {}); // what fails is among the unsent
    this.changed();
  }

  /** Whether what somebody wrote is shown. */
  isHidden({ author }: Pick<Message, 'author'>): boolean {
    return this.chat.blocks.has(author);
  }

  count(author: string, more: number): void {
    this.unread.set(author, Math.max(0, (this.unread.get(author) ?? 0) + more));
    this.changed();
  }

  private async restore(): Promise<void> {
    if (await this.chat.restore().catch(() => false)) {
      const found = await this.attempt(this.chat.call('/init/getUser', {}));
      if (found) this.begin(found.user);
    }
    this.isReady = true;
    this.changed();
  }

  private begin(me: User): void {
    this.me = me;
    this.notice = '';
    this.chat.connect();
    if (this.route.page === 'room') void this.enter(this.route.id);
    this.changed();
  }

  private forget(): void {
    this.chat.disconnect();
    this.chat.session = null;
    this.me = this.room = null;
    this.people.clear();
    this.unread.clear();
    localStorage.removeItem('justchat.session');
    this.changed();
  }

  /** Loads what events do not tell. */
  private async refresh(): Promise<void> {
    const { dialogs } = await this.chat.call('/user/dialogs', {});
    this.unread = new Map(dialogs.map(({ user, unread }) => [user, unread]));
    this.refreshRoom();
    this.changed();
  }

  private refreshRoom(): void {
    if (!this.room || this.isStale) return;
    this.isStale = true;
    // Once for a burst of them.
    setTimeout(() => {
      this.isStale = false;
      const id = this.room?._id;
      if (!id) return;
      void this.chat.call('/room/get', { room_id: id }).then((found) => {
        const room = 'rooms' in found ? found.rooms[0] : undefined;
        if (room && this.room?._id === id) this.room = room;
        this.changed();
      }, () => {});
    }, 500);
  }

  private async fetchPeople(): Promise<void> {
    const ids = [...this.wanted].slice(0, 100);
    this.wanted.clear();
    const found = await this.chat.call('/init/getUsers', { user_ids: ids }).catch(() => null);
    for (const user of found?.users ?? []) this.people.set(user._id, user);
    if (!found) for (const id of ids) this.people.delete(id);
    this.changed();
  }
}
