import { useState } from 'preact/hooks';
import { Field } from '../../../shared/field.js';
import { Form } from '../../../shared/form.js';
import type { Model } from '../model.js';
import { Sheet } from '../sheet.js';
import { writtenSms } from '../../../shared/written_sms.js';
import { t } from '../words/index.js';

export function DeleteAccount({ model }: { model: Model }) {
  return (
    <section class="card">
      <h2>{t('deleteAccount')}</h2>
      <p>{t('deleteHint')}</p>
      {model.me?.phone ? (
        <div class="row">
          <button class="grave" onClick={() => model.show(() => <WithKey model={model} />)}>{t('deleteAccount')}</button>
        </div>
      ) : <p class="quiet">{t('deleteElsewhere')}</p>}
    </section>
  );
}

/** Asks for a fresh key, which proves that it is them. */
function WithKey({ model }: { model: Model }) {
  const phone = model.me?.phone ?? '';
  const [isSent, setSent] = useState(false);
  const [key, setKey] = useState('');
  const [sms, setSms] = useState<string | null>(null);

  async function send(): Promise<void> {
    if (!(await model.attempt(model.chat.call('/init/reg', { phone: `+${phone}` })))) return;
    const text = await writtenSms(phone);
    setSms(text);
    setSent(true);
  }

  async function remove(): Promise<void> {
    const answer = await model.attempt(model.chat.call('/user/delete', { key }));
    if (answer) model.farewell(answer.deletes_at);
  }

  return (
    <Sheet model={model} title={t('deleteAccount')}>
      <Form class="form" onSubmit={remove}>
        <p>{t('deleteExplained')}</p>
        {!isSent && <button type="button" onClick={() => void send()}>{t('deleteSend', { phone: `+${phone}` })}</button>}
        {isSent && <p>{sms === null ? t('keySent', { phone: `+${phone}` }) : t('keyHere')}</p>}
        {sms !== null && <blockquote dir="auto">{sms}</blockquote>}
        {isSent && (
          <>
            <Field label={t('key')} inputMode="numeric" autoComplete="one-time-code" required value={key} onValue={setKey} />
            <button class="grave">{t('deleteNow')}</button>
          </>
        )}
      </Form>
    </Sheet>
  );
}
