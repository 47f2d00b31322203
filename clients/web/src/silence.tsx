import { useId, useState } from 'preact/hooks';
import { Field } from '../../shared/field.js';
import { Form } from '../../shared/form.js';
import type { Model } from './model.js';
import { Sheet } from './sheet.js';
import { span, t } from './words/index.js';

/** In minutes. */
const SPANS = [10, 60, 24 * 60, 7 * 24 * 60] as const;

/** Asks for how long a person may not write, and why. */
export function silence(model: Model, user: string): void {
  model.show(() => <Silence model={model} user={user} />);
}

function Silence({ model, user }: { model: Model; user: string }) {
  const id = useId();
  const [minutes, setMinutes] = useState<number>(SPANS[0]);
  const [text, setText] = useState('');

  async function act(): Promise<void> {
    if (!model.room) return;
    const body = { room_id: model.room._id, user_id: user, finished: Date.now() + minutes * 60_000 };
    if (!(await model.attempt(model.chat.call('/room/silence', text ? { ...body, text } : body)))) return;
    model.show(null);
    model.refreshRoom();
  }

  return (
    <Sheet model={model} title={t('silenceOf', { user: model.nameOf(user) })}>
      <Form class="form" onSubmit={act}>
        <p class="field">
          <label for={id}>{t('howLong')}</label>
          <select id={id} value={minutes} onChange={({ currentTarget }) => setMinutes(Number(currentTarget.value))}>
            {SPANS.map((each) => <option value={each}>{span(each * 60)}</option>)}
          </select>
        </p>
        <Field label={t('why')} maxLength={4096} value={text} onValue={setText} />
        <button class="grave">{t('silence')}</button>
      </Form>
    </Sheet>
  );
}
