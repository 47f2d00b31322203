import { useState } from 'preact/hooks';
import { Field } from '../../../shared/field.js';
import { Form } from '../../../shared/form.js';
import { Languages } from '../../../shared/languages.js';
import { Avatar } from '../avatar.js';
import { ReceivedGifts } from '../gifts.js';
import type { Model } from '../model.js';
import { t } from '../words/index.js';
import { Blocks } from './blocks.js';
import { Coins } from './coins.js';
import { DeleteAccount } from './delete_account.js';
import { Export } from './export.js';
import { Sessions } from './sessions.js';

export function Me({ model }: { model: Model }) {
  const { me } = model;
  if (!me) return null;
  return (
    <section class="page">
      <h1 tabIndex={-1}>{t('me')}</h1>
      <div class="narrow-language"><Languages label={t('language')} onSpoken={() => model.changed()} /></div>
      <ProfileForm model={model} />
      <Coins model={model} />
      {me.gifts_count > 0 && <div class="card"><ReceivedGifts model={model} user={me._id} count={me.gifts_count} /></div>}
      <Sessions model={model} />
      <Blocks model={model} />
      <Export model={model} />
      <DeleteAccount model={model} />
    </section>
  );
}

function ProfileForm({ model }: { model: Model }) {
  const { me, chat } = model;
  const [nickname, setNickname] = useState(me?.nickname ?? '');
  const [location, setLocation] = useState(me?.location ?? '');
  const [dob, setDob] = useState(me?.dob ?? '');

  async function edit(user: { nickname?: string; location?: string; photo?: string | null; dob?: string | null }): Promise<void> {
    const edited = await model.attempt(chat.call('/init/edit', { user }));
    if (!edited) return;
    model.me = edited.user;
    model.say(t('saved'));
  }

  async function setPhoto(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0];
    const photo = file && (await model.attempt(chat.calls.upload(file)));
    input.value = '';
    if (photo) await edit({ photo });
  }

  if (!me) return null;
  return (
    <Form class="card form" onSubmit={() => edit({ nickname, location, dob: dob || null })}>
      <div class="profile">
        <Avatar id={me._id} person={me} name={model.nameOf(me._id)} big />
        <div class="row">
          <label class="file">
            {t('photo')}
            <input
              type="file" accept="image/png,image/jpeg,image/gif,image/webp" class="hidden"
              onChange={({ currentTarget }) => void setPhoto(currentTarget)}
            />
          </label>
          {me.photo && <button type="button" onClick={() => void edit({ photo: null })}>{t('photoRemove')}</button>}
        </div>
      </div>
      {me.phone && <p class="quiet">{t('phone')}: +{me.phone}</p>}
      <Field label={t('nickname')} maxLength={64} value={nickname} onValue={setNickname} />
      <Field label={t('location')} maxLength={64} value={location} onValue={setLocation} />
      <Field label={t('dob')} type="date" value={dob} onValue={setDob} />
      <button class="main">{t('save')}</button>
    </Form>
  );
}
