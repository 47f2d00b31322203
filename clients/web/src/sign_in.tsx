import { useState } from 'preact/hooks';
import { Field } from '../../shared/field.js';
import { Form } from '../../shared/form.js';
import { writtenSms } from '../../shared/written_sms.js';
import type { Model } from './model.js';
import { t } from './words/index.js';

export function SignIn({ model }: { model: Model }) {
  const [phone, setPhone] = useState('');
  const [nickname, setNickname] = useState('');
  const [key, setKey] = useState('');
  const [isSent, setSent] = useState(false);
  const [sms, setSms] = useState<string | null>(null);

  async function register(): Promise<void> {
    await model.chat.call('/init/reg', nickname ? { phone, nickname } : { phone });
    const text = await writtenSms(phone);
    setSms(text);
    setKey(/\d{4,}/.exec(text ?? '')?.[0] ?? '');
    setSent(true);
    model.say('');
  }

  const submit = (): Promise<unknown> => model.attempt(isSent ? model.signIn(phone, key) : register());

  return (
    <Form class="card form welcome" onSubmit={submit}>
      <h1 tabIndex={-1}>{t('signIn')}</h1>
      {!isSent ? (
        <>
          <p>{t('signInHint')}</p>
          <Field label={t('phone')} type="tel" autoComplete="tel" required value={phone} onValue={setPhone} />
          <Field label={t('nickname')} autoComplete="nickname" maxLength={64} value={nickname} onValue={setNickname} />
        </>
      ) : (
        <>
          <p>{sms === null ? t('keySent', { phone }) : t('keyHere')}</p>
          {sms !== null && <blockquote dir="auto">{sms}</blockquote>}
          <Field label={t('key')} inputMode="numeric" autoComplete="one-time-code" required value={key} onValue={setKey} />
        </>
      )}
      <div class="row">
        <button class="main">{t('signIn')}</button>
        {isSent && <button type="button" onClick={() => setSent(false)}>{t('cancel')}</button>}
      </div>
      <p><a class="quiet" href="account/delete">{t('deleteAccount')}</a></p>
    </Form>
  );
}
