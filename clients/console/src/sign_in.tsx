import { useState } from 'preact/hooks';
import { Field } from '../../shared/field.js';
import { Form } from '../../shared/form.js';
import type { Model } from './model.js';
import { t } from './words/index.js';

export function SignIn({ model }: { model: Model }) {
  const [key, setKey] = useState('');

  return (
    <Form class="card sign-in" onSubmit={() => model.signIn(key)}>
      <h1 tabIndex={-1}>{t('signIn')}</h1>
      <p>{t('signInHint')}</p>
      <Field
        label={t('key')} type="password" autoComplete="off" spellcheck={false} required dir="ltr"
        value={key} onValue={setKey}
      />
      <button class="main">{t('signIn')}</button>
      <p class="quiet">{t('signInHow')}</p>
      <pre><code>justchat-admin keys add console --scope console</code></pre>
    </Form>
  );
}
