import type { Model } from '../model.js';
import { t } from '../words/index.js';

/** Where a person shares the address of the chat, which brings coins once a day each. */
const NETWORKS = {
  vk: ['VK', 'https://vk.com/share.php?url='],
  mailru: ['Mail.ru', 'https://connect.mail.ru/share?url='],
  facebook: ['Facebook', 'https://www.facebook.com/sharer/sharer.php?u='],
  twitter: ['Twitter', 'https://twitter.com/intent/tweet?url='],
} as const;

export function Coins({ model }: { model: Model }) {
  async function take(type: keyof typeof NETWORKS): Promise<void> {
    if (await model.attempt(model.chat.call('/user/free-coins', { type }))) await model.refreshMe();
  }

  return (
    <section class="card">
      <h2>{t('balance', { coins: model.me?.balance ?? 0 })}</h2>
      <p>{t('freeCoins')}</p>
      <div class="row">
        {Object.entries(NETWORKS).map(([type, [name, share]]) => (
          <a
            key={type} class="button" href={share + encodeURIComponent(location.origin)}
            target="_blank" rel="noopener nofollow" onClick={() => void take(type as keyof typeof NETWORKS)}
          >
            {name}
          </a>
        ))}
      </div>
    </section>
  );
}
