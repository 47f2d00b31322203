import { useId, useState } from 'preact/hooks';
import { Form } from '../../shared/form.js';
import type { Model } from './model.js';
import { Sheet } from './sheet.js';
import { t } from './words/index.js';

const REASONS = ['spam', 'abuse', 'nudity', 'violence', 'child-safety', 'fraud', 'other'] as const;

type About = { message: string } | { user: string } | { room: string };

/** Asks what is wrong with a message, a person or a room, and tells those who run the chat. */
export function report(model: Model, about: About): void {
  model.show(() => <Report model={model} about={about} />);
}

function Report({ model, about }: { model: Model; about: About }) {
  const id = useId();
  const [reason, setReason] = useState<(typeof REASONS)[number]>('spam');
  const [text, setText] = useState('');

  async function act(): Promise<void> {
    // The call wants words; the reason's own do.
    const words = text.trim() || t(`reason ${reason}`);
    if (!(await model.attempt(model.chat.call('/complaints/new', { ...about, reason, text: words })))) return;
    model.show(null);
    model.say(t('reported'));
  }

  return (
    <Sheet model={model} title={t('report')}>
      <Form class="form" onSubmit={act}>
        <fieldset>
          <legend>{t('reasons')}</legend>
          {REASONS.map((each) => (
            <label key={each} class="check">
              <input type="radio" name={id} checked={each === reason} onChange={() => setReason(each)} />
              {t(`reason ${each}`)}
            </label>
          ))}
        </fieldset>
        <p class="field">
          <label for={`${id}-text`}>{t('details')}</label>
          <textarea
            id={`${id}-text`} dir="auto" rows={3} maxLength={4096} value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </p>
        <button class="main">{t('report')}</button>
      </Form>
    </Sheet>
  );
}
