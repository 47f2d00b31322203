import { useState } from 'preact/hooks';
import { Field } from '../../shared/field.js';
import { writtenSms } from '../../shared/written_sms.js';

/** Makes a call; returns its answer. Throws what went wrong, in words. */
async function call(path: string, body: object, key?: string): Promise<any> {
  const answer = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...(key && { Authorization: `Bearer ${key}` }) },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  return said;
}

/** Signs in by phone, so that the calls of the viewer carry the session's key. `onKey` gets it, null once it is over. */
export function SignIn({ onKey }: { onKey(key: string | null): void }) {
  const [phone, setPhone] = useState('');
  const [key, setKey] = useState('');
  const [sms, setSms] = useState<string | null>(null);
  const [step, setStep] = useState<'phone' | 'key' | 'in'>('phone');
  const [session, setSession] = useState('');
  const [wrong, setWrong] = useState('');

  async function register(): Promise<void> {
    await call('init/reg', { phone });
    const text = await writtenSms(phone);
    setSms(text);
    setKey(/\d{4,}/.exec(text ?? '')?.[0] ?? '');
    setStep('key');
  }

  async function signIn(): Promise<void> {
    const { data } = await call('init/auth', { phone, key: Number(key) });
    setSession(data.session_key);
    onKey(data.session_key);
    setStep('in');
  }

  async function signOut(): Promise<void> {
    await call('init/exit', {}, session);
    onKey(null);
    setStep('phone');
  }

  function submit(event: Event): void {
    event.preventDefault();
    setWrong('');
    const next = { phone: register, key: signIn, in: signOut }[step];
    next().catch((error: unknown) => setWrong(error instanceof Error ? error.message : String(error)));
  }

  return (
    <form class="card" onSubmit={submit}>
      <h2>Try the calls</h2>
      {step === 'phone' && (
        <>
          <p>Sign in, and every call below carries your session's key in the header <code>Authorization</code>. An unknown phone is signed up. Calls under “Server” take a server key, by “Authorize”.</p>
          <Field label="Phone number" type="tel" autoComplete="tel" required value={phone} onValue={setPhone} />
        </>
      )}
      {step === 'key' && (
        <>
          <p>{sms === null ? `A key was sent to ${phone}.` : 'This daemon sends no SMS. You are on this machine, so here is yours:'}</p>
          {sms !== null && <blockquote dir="auto">{sms}</blockquote>}
          <Field label="Key" inputMode="numeric" autoComplete="one-time-code" required value={key} onValue={setKey} />
        </>
      )}
      {step === 'in' && <p role="status">You are signed in as {phone}. The session's key: <code>{session}</code></p>}
      {wrong && <p class="wrong" role="alert">{wrong}</p>}
      <div class="row">
        <button class="main">{{ phone: 'Send me a key', key: 'Sign in', in: 'Sign out' }[step]}</button>
        {step === 'key' && <button type="button" onClick={() => setStep('phone')}>Cancel</button>}
      </div>
    </form>
  );
}
