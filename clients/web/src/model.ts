import type { VNode } from 'preact';
import { ApiError, type Draft, JustChat, type Message, type Room, type User } from '../../javascript/src/index.js';
import { DialogList } from './dialog_list.js';
import { explained } from './explained.js';
import type { MenuOf } from './menu.js';
import { PeopleCache } from './people_cache.js';
import { type Route, routed } from './route.js';
import { t, time } from './words/index.js';

/** All that the page knows. What changes it calls `changed`, and the page is drawn again before the next frame. */
export class Model {
  readonly chat = new JustChat({ storage: localStorage });
  readonly people = new PeopleCache(this.chat, () => this.changed());
  readonly dialogs = new DialogList(this.chat, () => this.changed());
  route = routed();
  /** Whether it is known if somebody is signed in. */
  isReady = false;
  me: User | null = null;
  /** The room that is shown, once it is entered. */
  room: Room | null = null;
  /** Whether the room that is shown asks for its password. */
  asksPassword = false;
  /** One line about what happened last. */
  notice = { text: '', isWrong: false };
  /** The menu that is open, and the sheet that covers the page. */
  menu: MenuOf | null = null;
  sheet: (() => VNode) | null = null;
  private isDue = false;
  private isStale = false;

  constructor(private draw: () => void) {
    const { chat } = this;
    chat.on('state', () => this.changed());
    chat.on('unsent', () => this.changed());
    chat.on('ready', ({ recovered }) => {
      if (!recovered) this.people.clear();
      this.refreshRoom();
    });
    chat.on('service-message', (event) => event.room === this.room?._id && this.refreshRoom());
    chat.on('gift-message', ({ user, author, gift, text }) => {
      const put = { author: this.nameOf(author), user: this.nameOf(user), gift: gift.name, text };
      this.say(t(text ? 'giftTold' : 'giftToldSilently', put));
      if (user === this.me?._id) void this.refreshMe();
    });
    chat.on('room', (room) => {
      // Put out, or gone elsewhere from another window.
      if (this.room && room !== this.room._id && this.route.page === 'room') this.go('rooms', t('outside'));
    });
    chat.on('signed-out', ({ code }) => {
      if (!this.me) return;
      this.forget();
      this.say(t(code === 4403 ? 'error suspended' : 'error login-timeout'), true);
    });
    window.addEventListener('hashchange', () => {
      this.route = routed();
      this.notice = { text: '', isWrong: false };
      this.room = this.sheet = this.menu = null;
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
    const place = id ? `#/${page}/${id}` : `#/${page}`;
    // Who is there already sees it: no change of address comes, which puts away what covers the page.
    if (location.hash === place) this.show(null);
    location.hash = place;
    // The change of address, which comes later, clears what was said before.
    setTimeout(() => this.say(notice));
  }

  say(text: string, isWrong = false): void {
    this.notice = { text, isWrong };
    this.changed();
  }

  /** Covers the page with a sheet, or with none. */
  show(sheet: (() => VNode) | null): void {
    this.sheet = sheet;
    this.menu = null;
    this.notice = { text: '', isWrong: false };
    this.changed();
  }

  /** What a promise brings; undefined where it fails, and the page says why. */
  async attempt<T>(promise: Promise<T>, done = ''): Promise<T | undefined> {
    try {
      const found = await promise;
      if (done) this.say(done);
      return found;
    } catch (error) {
      if (error instanceof ApiError && error.status === 440) this.forget();
      this.say(explained(error), true);
      return undefined;
    } finally {
      this.changed();
    }
  }

  async signIn(phone: string, key: string): Promise<void> {
    this.begin(await this.chat.signIn({ phone, key }));
  }

  async signOut(everywhere = false): Promise<void> {
    if (everywhere && !(await this.attempt(this.chat.call('/init/exit-all', {})))) return;
    await this.chat.signOut().catch(() => {});
    this.forget();
  }

  /** The account is to be deleted: its sessions are over. */
  farewell(deletesAt: string): void {
    this.forget();
    this.say(Date.parse(deletesAt) <= Date.now() ? t('deleted') : t('deletesAt', { time: time(deletesAt) }));
  }

  /** A person by id, asked for once; null while it is not known. */
  person(id: string): User | null {
    return id === this.me?._id ? this.me : this.people.get(id);
  }

  nameOf(id: string | null | undefined): string {
    if (id && id === this.me?._id) return this.me.nickname || `+${this.me.phone ?? ''}`;
    return this.people.nameOf(id);
  }

  async refreshMe(): Promise<void> {
    const found = await this.attempt(this.chat.call('/init/getUser', {}));
    if (found) this.me = found.user;
  }

  async enter(id: string, password?: string): Promise<void> {
    try {
      const room = await this.chat.enter(id, password);
      if (!this.isAt(id)) return;
      this.room = room;
      this.asksPassword = false;
      this.say('');
      const history = this.chat.room(id);
      history.on('change', () => this.changed());
      history.on('fault', (error) => this.say(explained(error), true));
    } catch (error) {
      if (!this.isAt(id)) return;
      if (error instanceof ApiError && error.code === 'wrong-password') {
        this.asksPassword = true;
        this.say(password === undefined ? '' : explained(error), true);
      } else {
        location.hash = '#/rooms';
        setTimeout(() => this.say(explained(error), true));
      }
    }
  }

  /** Whether this room's page is still shown. What comes late of another one says nothing here. */
  private isAt(room: string): boolean {
    return this.route.page === 'room' && this.route.id === room;
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

  get ownRank(): number {
    return this.rank(this.me?._id);
  }

  outranks(id: string): boolean {
    return this.ownRank > this.rank(id);
  }

  send(draft: Draft): void {
    void this.chat.send(draft).catch(() => {}); // what fails is among the unsent
    this.changed();
  }

  /** Whether what somebody wrote is shown. */
  isHidden({ author }: Pick<Message, 'author'>): boolean {
    return this.chat.blocks.has(author);
  }

  async block(user: string, on: boolean): Promise<void> {
    const { chat } = this;
    if (!(await this.attempt(on ? chat.call('/user/block', { user }) : chat.call('/user/unblock', { user })))) return;
    const blocks = new Set(chat.blocks);
    if (on) blocks.add(user);
    else blocks.delete(user);
    chat.blocks = blocks;
    this.changed();
  }

  /** Loads the room that is shown anew: soon, and once for a burst of what changes it. */
  refreshRoom(): void {
    if (!this.room || this.isStale) return;
    this.isStale = true;
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
    this.notice = { text: '', isWrong: false };
    this.chat.connect();
    if (this.route.page === 'room') void this.enter(this.route.id);
    this.changed();
  }

  private forget(): void {
    this.chat.disconnect();
    void this.chat.forget();
    this.me = this.room = this.sheet = this.menu = null;
    this.people.clear();
    this.dialogs.clear();
    this.changed();
  }
}
