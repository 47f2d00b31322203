import { useEffect, useState } from 'preact/hooks';
import type { Result } from '../../javascript/src/index.js';
import { Field } from '../../shared/field.js';
import type { Model } from './model.js';
import { t, time } from './words/index.js';

export function Me({ model }: { model: Model }) {
  const { me, chat } = model;
  const [nickname, setNickname] = useState(me?.nickname ?? '');
  const [location, setLocation] = useState(me?.location ?? '');
  const [sessions, setSessions] = useState<Result<'/init/sessions'>['sessions']>([]);

  useEffect(() => {
    void model.attempt(chat.call('/init/sessions', {})).then((found) => found && setSessions(found.sessions));
  }, []);

  async function edit(user: { nickname?: string; location?: string; photo?: string }): Promise<void> {
    const edited = await model.attempt(chat.call('/init/edit', { user }));
    if (!edited) return;
    model.me = edited.user;
    model.say(t('saved'));
  }

  async function setPhoto(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0];
    const photo = file && (await model.attempt(chat.calls.upload(file)));
    if (photo) await edit({ photo });
  }

  return (
    <section>
      <h1 tabIndex={-1}>{t('me')}</h1>
      <form class="card" onSubmit={(event) => (event.preventDefault(), void edit({ nickname, location }))}>
        {me?.photo?.startsWith('uploads/') && <img class="photo" src={`/${me.photo}`} alt="" />}
        <p class="quiet">{t('balance', { coins: me?.balance ?? 0 })}</p>
        <Field label={t('nickname')} maxLength={64} value={nickname} onValue={setNickname} />
        <Field label={t('location')} maxLength={64} value={location} onValue={setLocation} />
        <Field
          label={t('photo')} type="file" accept="image/png,image/jpeg,image/gif,image/webp" onValue={() => {}}
          onChange={({ currentTarget }) => void setPhoto(currentTarget)}
        />
        <button class="main">{t('save')}</button>
      </form>
      <section class="card">
        <h2>{t('sessions')}</h2>
        <ul class="list">
          {sessions.map(({ _id, create_at, current }) => (
            <li key={_id}>{t('sessionSince', { time: time(create_at) })}{current && ` (${t('sessionCurrent')})`}</li>
          ))}
        </ul>
        <div class="row">
          <button onClick={() => void model.signOut()}>{t('signOut')}</button>
          <button onClick={() => void model.signOut(true)}>{t('everywhere')}</button>
        </div>
      </section>
    </section>
  );
}
