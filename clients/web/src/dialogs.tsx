import { useEffect, useState } from 'preact/hooks';
import type { Result } from '../../javascript/src/index.js';
import { Stamp } from './messages.js';
import type { Model } from './model.js';
import { t } from './words/index.js';

export function Dialogs({ model }: { model: Model }) {
  const [dialogs, setDialogs] = useState<Result<'/user/dialogs'>['dialogs'] | null>(null);
  const total = [...model.unread.values()].reduce((sum, count) => sum + count, 0);

  useEffect(() => {
    void model.attempt(model.chat.call('/user/dialogs', {})).then((found) => found && setDialogs(found.dialogs));
  }, [total]);

  return (
    <section>
      <h1 tabIndex={-1}>{t('dialogs')}</h1>
      {dialogs?.length === 0 && <p>{t('noDialogs')}</p>}
      <ul class="list">
        {dialogs?.map(({ user, last_message, unread }) => (
          <li key={user}>
            <a href={`#/dialog/${user}`} dir="auto">{model.nameOf(user)}</a>
            {unread > 0 && <span class="badge">{t('unread', { count: unread })}</span>}
            <span class="quiet cut" dir="auto">{last_message.text ?? t('gone')}</span>
            <Stamp written={last_message.create_at} />
          </li>
        ))}
      </ul>
    </section>
  );
}
