import { useEffect, useState } from 'preact/hooks';
import type { Result } from '../../../javascript/src/index.js';
import type { Model } from '../model.js';
import { confirm } from '../sheet.js';
import { t, time } from '../words/index.js';

export function Sessions({ model }: { model: Model }) {
  const [sessions, setSessions] = useState<Result<'/init/sessions'>['sessions']>([]);

  useEffect(() => {
    void model.attempt(model.chat.call('/init/sessions', {})).then((found) => found && setSessions(found.sessions));
  }, []);

  const everywhere = (): void =>
    confirm(model, {
      title: t('everywhere'), text: t('everywhereAsked'), label: t('everywhere'), act: () => model.signOut(true),
    });

  return (
    <section class="card">
      <h2>{t('sessions')}</h2>
      <ul class="list">
        {sessions.map(({ _id, create_at, seen_at, current }) => (
          <li key={_id}>
            <span>{t('sessionSince', { time: time(create_at) })}{current && ` (${t('sessionCurrent')})`}</span>
            <span class="quiet">{t('sessionSeen', { time: time(seen_at) })}</span>
          </li>
        ))}
      </ul>
      <div class="row">
        <button onClick={() => void model.signOut()}>{t('signOut')}</button>
        <button class="grave" onClick={everywhere}>{t('everywhere')}</button>
      </div>
    </section>
  );
}
