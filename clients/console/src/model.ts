import type { components } from '../../javascript/src/api.js';
import { ApiError, type Body, Calls, NoAnswer, type Path, type Result } from '../../javascript/src/calls.js';
import { known, t } from './words/index.js';

export const SECTIONS = [
  'overview', 'complaints', 'people', 'rooms', 'gifts', 'held', 'keys', 'webhooks', 'audit',
] as const;
export type Section = (typeof SECTIONS)[number];

/** What is shown, by the part of the address after `#`. */
export interface Route {
  section: Section;
  id: string;
}

/** What an operator does: the call, what is said once it is done, and what takes it back. */
export interface Deed {
  call(): Promise<unknown>;
  done: string;
  undo?: Deed;
}

export interface Notice {
  number: number;
  text: string;
  isWrong: boolean;
  undo: Deed | null;
}

/** A question before something that cannot be taken back. */
export interface Question {
  title: string;
  text: string;
  /** What the button says that does it. */
  button: string;
  /** Whether it asks for a reason, which is what it begins with. */
  reason?: string;
  /** Whether it asks for how long. */
  asksTerm?: boolean;
}

export interface Reply {
  reason: string;
  term: Term;
}

const KEPT = 'justchat.console';
const KEYS = 'justchat.console.keys';
/** Milliseconds for one try. */
const TIMEOUT = 20_000;
/** How many notices are shown at once. */
const NOTICES = 3;
/** How many people one call asks for. */
const MOST_NAMES = 100;
const HOUR = 3_600_000;
/** How long something lasts, in milliseconds; 0 is for good. */
export const TERMS = { hour: HOUR, day: 24 * HOUR, week: 7 * 24 * HOUR, month: 30 * 24 * HOUR, ever: 0 } as const;
export type Term = keyof typeof TERMS;

function routed(): Route {
  const [section, id = ''] = location.hash.replace(/^#\/?/, '').split('/');
  return { section: SECTIONS.find((each) => each === section) ?? 'complaints', id };
}

/** What is said of an error. */
export function explained(error: unknown): string {
  if (error instanceof NoAnswer) return t('error no-answer');
  if (!(error instanceof ApiError)) return String(error);
  const detail = error.fields.map(({ field, detail }) => `${field}: ${detail}`).join('; ') || error.message;
  const word = known(`error ${error.code}`);
  return word ? t(word, { detail }) : detail;
}

/** All that the page knows. What changes it calls `changed`, and the page is drawn again before the next frame. */
export class Model {
  /** What the key is, while somebody is signed in. */
  identity: components['schemas']['KeyDocument'] | null = null;
  isReady = false;
  route = routed();
  notices: Notice[] = [];
  question: (Question & { answer(reply: Reply | null): void }) | null = null;
  /** Grows with each deed: what is shown is read again. */
  revision = 0;
  isBusy = false;
  /** How many complaints are open, as far as they were counted; '' for none. */
  waiting = '';
  /** The messages that were dropped here. A complaint keeps its copy until it is closed. */
  readonly dropped = new Set<string>();
  /** Whether the queue has the closed complaints. */
  showsClosed = false;
  /** Whether single keys do something: they are in the way of who speaks to the machine. */
  hasKeys = localStorage.getItem(KEYS) !== 'off';
  /** The key itself, which is forgotten with the tab. */
  private key: string | null = null;
  /** What people are called; '' while that is not known. */
  private names = new Map<string, string>();
  private wanted = new Set<string>();
  private calls = new Calls({
    url: '', fetch: (...request) => fetch(...request), timeout: TIMEOUT, bearer: () => this.key,
  });
  private count = 0;
  private isDue = false;

  constructor(private draw: () => void) {
    window.addEventListener('hashchange', () => {
      const { section } = this.route;
      this.route = routed();
      // What cannot be taken back was read.
      if (this.route.section !== section) this.notices = this.notices.filter(({ undo }) => undo);
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

  setKeys(on: boolean): void {
    this.hasKeys = on;
    localStorage.setItem(KEYS, on ? 'on' : 'off');
    this.changed();
  }

  /** Reads again what is shown. */
  refresh(): void {
    this.revision++;
    this.changed();
  }

  go(section: Section, id = ''): void {
    location.hash = id ? `#/${section}/${id}` : `#/${section}`;
  }

  /** Reads something: it may be asked again at will. */
  read<P extends Path>(path: P, body: Body<P>): Promise<Result<P>> {
    return this.calls.call(path, body, { idempotencyKey: null });
  }

  /** Does something, once, however often it is tried. */
  call<P extends Path>(path: P, body: Body<P>): Promise<Result<P>> {
    return this.calls.call(path, body);
  }

  /** What a promise brings; undefined where it fails, and the page says why. */
  async attempt<T>(promise: Promise<T>): Promise<T | undefined> {
    try {
      return await promise;
    } catch (error) {
      if (error instanceof ApiError && error.code === 'wrong-server-key' && this.identity) this.signOut();
      this.say(explained(error), true);
      return undefined;
    } finally {
      this.changed();
    }
  }

  /** Carries out a deed, unless another is under way; whether it is done. */
  async carryOut(deed: Deed): Promise<boolean> {
    if (this.isBusy) return false;
    this.isBusy = true;
    const isDone = (await this.attempt(deed.call().then(() => true))) ?? false;
    this.isBusy = false;
    if (isDone) {
      this.revision++;
      this.say(deed.done, false, deed.undo);
    }
    return isDone;
  }

  say(text: string, isWrong = false, undo?: Deed): void {
    this.notices = [...this.notices.filter((notice) => notice.text !== text), {
      number: ++this.count, text, isWrong, undo: undo ?? null,
    }].slice(-NOTICES);
    this.changed();
  }

  dismiss(number: number): void {
    this.notices = this.notices.filter((notice) => notice.number !== number);
    this.changed();
  }

  /** Takes back what a notice tells of: by default the latest that can be. */
  async undo(notice = this.notices.findLast(({ undo }) => undo)): Promise<void> {
    if (!notice?.undo || this.isBusy) return;
    this.dismiss(notice.number);
    if (!(await this.carryOut(notice.undo))) this.say(notice.text, false, notice.undo);
  }

  /** Asks in a dialog; null where the answer is no. */
  ask(question: Question): Promise<Reply | null> {
    return new Promise((resolve) => {
      const answer = (reply: Reply | null): void => {
        this.question = null;
        this.changed();
        resolve(reply);
      };
      this.question = { ...question, answer };
      this.changed();
    });
  }

  async signIn(key: string): Promise<void> {
    this.key = key.trim();
    try {
      this.identity = (await this.read('/server/whoami', {})).key;
      sessionStorage.setItem(KEPT, this.key);
      this.notices = [];
    } catch (error) {
      this.key = null;
      if (error instanceof ApiError) sessionStorage.removeItem(KEPT);
      this.notices = [];
      this.say(explained(error), true);
    }
    this.changed();
  }

  signOut(): void {
    this.key = this.identity = null;
    sessionStorage.removeItem(KEPT);
    this.names.clear();
    this.notices = [];
    this.changed();
  }

  /** Remembers what people are called, where a call tells of them. */
  learn(...people: ({ _id: string; nickname: string | null; phone?: string | null } | null)[]): void {
    for (const person of people) {
      const name = person && (person.nickname || (person.phone ? `+${person.phone}` : ''));
      if (name) this.names.set(person._id, name);
    }
  }

  /** What somebody is called, which is asked for once where it is not known. */
  nameOf(id: string): string {
    if (!this.names.has(id)) {
      this.names.set(id, '');
      if (!this.wanted.size) setTimeout(() => void this.fetchNames(), 20);
      this.wanted.add(id);
    }
    return this.names.get(id) || t('nameless', { id: id.slice(-6) });
  }

  private async fetchNames(): Promise<void> {
    const users = [...this.wanted].slice(0, MOST_NAMES);
    for (const user of users) this.wanted.delete(user);
    if (this.wanted.size) setTimeout(() => void this.fetchNames(), 20);
    const found = await this.read('/server/users/list', { users }).catch(() => null);
    this.learn(...(found?.users ?? []));
    this.changed();
  }

  private async restore(): Promise<void> {
    const kept = sessionStorage.getItem(KEPT);
    if (kept) await this.signIn(kept);
    this.isReady = true;
    this.changed();
  }
}
