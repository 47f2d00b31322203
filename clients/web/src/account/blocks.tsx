import { useEffect, useState } from 'preact/hooks';
import type { Model } from '../model.js';
import { Person } from '../people.js';
import { t } from '../words/index.js';

const PAGE = 100;

/** Whom the user blocks, latest first. */
export function Blocks({ model }: { model: Model }) {
  const [blocked, setBlocked] = useState<string[] | null>(null);
  const [isMore, setMore] = useState(false);

  async function load(skip: number): Promise<void> {
    const found = await model.attempt(model.chat.call('/user/blocks', { skip, limit: PAGE }));
    if (!found) return;
    const users = found.blocks.map(({ user }) => user);
    setBlocked(skip ? [...(blocked ?? []), ...users] : users);
    setMore(users.length === PAGE);
  }

  useEffect(() => void load(0), [model.chat.blocks]);

  return (
    <section class="card">
      <h2>{t('blocks')}</h2>
      {blocked?.length === 0 && <p class="quiet">{t('noBlocks')}</p>}
      <ul class="list">
        {blocked?.map((user) => (
          <li key={user}>
            <Person model={model} id={user} />
            <button onClick={() => void model.block(user, false)}>{t('unblock')}</button>
          </li>
        ))}
      </ul>
      {isMore && <button class="plain" onClick={() => void load(blocked?.length ?? 0)}>{t('more')}</button>}
    </section>
  );
}
