import { useState } from 'preact/hooks';
import { JustChat, type User } from '../../javascript/src/index.js';
import { Field } from '../../shared/field.js';
import { Languages } from '../../shared/languages.js';
import { explained } from '../../web/src/explained.js';
import { t, time } from '../../web/src/words/index.js';
import { writtenSms } from '../../shared/written_sms.js';

/** Keeps nothing in the browser: the session lasts as long as the page. */
const chat = new JustChat();

type Step =
  | { name: 'phone' }
  | { name: 'key'; sms: string | null }
  | { name: 'confirm'; user: User }
  | { name: 'done'; deletesAt: string }
  | { name: 'kept' };

/** Deletes an account without the app: phone, the key of an SMS, and once more the question. */
export function DeletePage({ onSpoken }: { onSpoken(): void }) {
  const [step, setStep] = useState<Step>({ name: 'phone' });
  const [phone, setPhone] = useState('');
  const [key, setKey] = useState('');
  const [wrong, setWrong] = useState('');
  const [isBusy, setBusy] = useState(false);

  async function next(): Promise<Step> {
    switch (step.name) {
      case 'phone':
        await chat.call('/init/reg', { phone });
        return { name: 'key', sms: await writtenSms(phone) };
      case 'key':
        return { name: 'confirm', user: await chat.signIn({ phone, key }) };
      case 'confirm':
        return { name: 'done', deletesAt: (await chat.call('/user/delete', { key })).deletes_at };
      default:
        return step;
    }
  }

  async function go(to: () => Promise<Step>): Promise<void> {
    setBusy(true);
    setWrong('');
    try {
      setStep(await to());
    } catch (error) {
      setWrong(explained(error));
    }
    setBusy(false);
  }

  const keep = async (): Promise<Step> => (await chat.signOut().catch(() => {}), { name: 'kept' });
  return (
    <>
      <header class="top">
        <strong class="brand">JustChat</strong>
        <Languages label={t('language')} onSpoken={onSpoken} />
      </header>
      <main>
        <form class="card form welcome" onSubmit={(event) => (event.preventDefault(), void go(next))}>
          <h1>{t('deleteAccount')}</h1>
          <p role="status" class="wrong">{wrong}</p>
          {step.name === 'phone' && (
            <>
              <p>{t('deleteHint')}</p>
              <p>{t('deleteExplained')}</p>
              <Field label={t('phone')} type="tel" autoComplete="tel" required value={phone} onValue={setPhone} />
              <div class="row"><button class="main" disabled={isBusy}>{t('deletePhone')}</button></div>
            </>
          )}
          {step.name === 'key' && (
            <>
              <p>{step.sms === null ? t('keySent', { phone }) : t('keyHere')}</p>
              {step.sms !== null && <blockquote dir="auto">{step.sms}</blockquote>}
              <Field label={t('key')} inputMode="numeric" autoComplete="one-time-code" required value={key} onValue={setKey} />
              <div class="row">
                <button class="main" disabled={isBusy}>{t('next')}</button>
                <button type="button" onClick={() => setStep({ name: 'phone' })}>{t('back')}</button>
              </div>
            </>
          )}
          {step.name === 'confirm' && (
            <>
              <p dir="auto">{t('deleteAsked', { user: step.user.nickname || `+${step.user.phone ?? ''}` })}</p>
              <div class="row">
                <button class="grave" disabled={isBusy}>{t('deleteNow')}</button>
                <button type="button" onClick={() => void go(keep)}>{t('deleteKeep')}</button>
              </div>
            </>
          )}
          {step.name === 'done' && <p role="status">{deleted(step.deletesAt)}</p>}
          {step.name === 'kept' && <p role="status">{t('deleteKept')}</p>}
          <p><a href="../">{t('toChat')}</a></p>
        </form>
      </main>
    </>
  );
}

function deleted(deletesAt: string): string {
  return Date.parse(deletesAt) <= Date.now() ? t('deleted') : t('deletesAt', { time: time(deletesAt) });
}
