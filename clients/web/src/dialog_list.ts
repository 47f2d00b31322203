import type { JustChat, Result } from '../../javascript/src/index.js';

export type Listed = Result<'/user/dialogs'>['dialogs'][number];

/** Milliseconds for which a burst of events is gathered. */
const GATHERED = 300;

/** The dialogs, latest first, with what is unread in each: as the daemon counts them, asked again after each event. */
export class DialogList {
  /** Null until they are loaded. */
  dialogs: readonly Listed[] | null = null;
  private isDue = false;

  constructor(private chat: JustChat, private changed: () => void) {
    chat.on('ready', () => this.refresh());
    chat.on('direct-message', () => this.refresh());
    chat.on('read-message', () => this.refresh());
    chat.on('message-removed', ({ room }) => room === null && this.refresh());
    chat.on('sent', ({ message }) => message.room === null && this.refresh());
  }

  get unread(): number {
    return this.dialogs?.reduce((sum, { unread }) => sum + unread, 0) ?? 0;
  }

  refresh(): void {
    if (this.isDue) return;
    this.isDue = true;
    setTimeout(async () => {
      this.isDue = false;
      const answer = this.chat.session && (await this.chat.call('/user/dialogs', {}).catch(() => null));
      if (!answer) return;
      this.dialogs = answer.dialogs;
      this.changed();
    }, GATHERED);
  }

  clear(): void {
    this.dialogs = null;
    this.changed();
  }
}
