import type { JustChat, User } from '../../javascript/src/index.js';
import { t } from './words/index.js';

const AT_ONCE = 100;
/** Milliseconds in which those who are asked for are gathered. */
const GATHERED = 20;
const BOUND = 5000;
/** Milliseconds after which those are asked for again whom no answer told of. */
const LATER = 5000;

/** The people who are shown, each asked for once. */
export class PeopleCache {
  private found = new Map<string, User | null>();
  private wanted = new Set<string>();
  private isDue = false;

  constructor(private chat: JustChat, private changed: () => void) {}

  /** A person by id; null while it is not known, and of who is gone. */
  get(id: string): User | null {
    const found = this.found.get(id);
    if (found === undefined) {
      if (this.found.size >= BOUND) this.found.clear();
      this.found.set(id, null);
      this.wanted.add(id);
      this.gather();
    }
    return found ?? null;
  }

  nameOf(id: string | null | undefined): string {
    const person = id ? this.get(id) : null;
    return person?.nickname || (person?.phone ? `+${person.phone}` : t('nobody'));
  }

  put(user: User): void {
    this.found.set(user._id, user);
    this.changed();
  }

  /** Those who are shown are asked for again. */
  clear(): void {
    this.found.clear();
    this.wanted.clear();
  }

  private gather(): void {
    if (this.isDue) return;
    this.isDue = true;
    setTimeout(() => void this.fetch(), GATHERED);
  }

  private async fetch(): Promise<void> {
    this.isDue = false;
    const ids = [...this.wanted].slice(0, AT_ONCE);
    for (const id of ids) this.wanted.delete(id);
    if (this.wanted.size) this.gather();
    const answer = await this.chat.call('/init/getUsers', { user_ids: ids }).catch(() => null);
    for (const user of answer?.users ?? []) this.found.set(user._id, user);
    // Not at once: what draws the page asks for them, and the daemon may have had enough of it.
    if (!answer) setTimeout(() => this.again(ids), LATER);
    this.changed();
  }

  private again(ids: readonly string[]): void {
    for (const id of ids) if (!this.found.get(id)) this.found.delete(id);
    this.changed();
  }
}
