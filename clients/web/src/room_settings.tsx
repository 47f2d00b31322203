import { useId, useState } from 'preact/hooks';
import type { Body } from '../../javascript/src/index.js';
import { Field } from '../../shared/field.js';
import { Form } from '../../shared/form.js';
import type { Model } from './model.js';
import { Person } from './people.js';
import { endSilence } from './person_deeds.js';
import { Sheet } from './sheet.js';
import { span, t, time } from './words/index.js';

/** Seconds between two messages. */
const SLOW = [0, 5, 10, 30, 60, 300, 900, 3600] as const;

type Edit = Body<'/room/edit'>['room'];

/** The settings of the room that is shown: the admin's, and slow mode for its moderators. */
export function showSettings(model: Model): void {
  model.show(() => <Settings model={model} />);
}

function Settings({ model }: { model: Model }) {
  const { room } = model;
  const isAdmin = model.ownRank === 2;
  const [name, setName] = useState(room?.name ?? '');
  const [most, setMost] = useState(String(room?.max_users ?? ''));
  const [slow, setSlow] = useState(room?.slow_mode ?? 0);
  const [access, setAccess] = useState<'keep' | 'set' | 'open'>('keep');
  const [password, setPassword] = useState('');
  if (!room) return null;

  async function save(id: string): Promise<void> {
    const edit: Edit = { id, slow_mode: slow };
    if (isAdmin) Object.assign(edit, { name, max_users: Number(most) });
    if (access !== 'keep') edit.password = access === 'open' ? null : password;
    const edited = await model.attempt(model.chat.call('/room/edit', { room: edit }));
    if (!edited) return;
    model.room = edited.room;
    model.show(null);
    model.say(t('saved'));
  }

  return (
    <Sheet model={model} title={t('settings')}>
      <Form class="form" onSubmit={() => save(room._id)}>
        {isAdmin && (
          <>
            <Field label={t('room')} required maxLength={128} value={name} onValue={setName} />
            <Field label={t('maxUsers')} type="number" min={1} required value={most} onValue={setMost} />
            <Choice
              label={t('access')} value={access} onValue={setAccess}
              options={{
                keep: t(room.is_private ? 'accessPrivate' : 'accessOpen'),
                set: t('accessSet'),
                ...(room.is_private ? { open: t('accessToOpen') } : {}),
              }}
            />
            {access === 'set' && (
              <Field
                label={t('passwordNext')} type="password" autoComplete="new-password" required
                value={password} onValue={setPassword}
              />
            )}
          </>
        )}
        <Choice
          label={t('slowMode')} value={String(slow)} onValue={(value) => setSlow(Number(value))}
          options={Object.fromEntries(
            [...new Set([...SLOW, slow])].map((seconds) => [String(seconds), seconds ? span(seconds) : t('off')]),
          )}
        />
        <button class="main">{t('save')}</button>
      </Form>
      {isAdmin && room.moderators.length > 0 && (
        <section>
          <h3>{t('moderators')}</h3>
          <ul class="people">{room.moderators.map((id) => <li key={id}><Person model={model} id={id} /></li>)}</ul>
        </section>
      )}
    </Sheet>
  );
}

interface ChoiceProps<V extends string> {
  label: string;
  value: V;
  options: Partial<Record<NoInfer<V>, string>>;
  onValue(value: NoInfer<V>): void;
}

export function Choice<V extends string>({ label, value, options, onValue }: ChoiceProps<V>) {
  const id = useId();
  return (
    <p class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={({ currentTarget }) => onValue(currentTarget.value as V)}>
        {Object.entries(options).map(([each, words]) => <option key={each} value={each}>{words as string}</option>)}
      </select>
    </p>
  );
}

/** Who is banned from the room that is shown, and who may not write there. */
export function showBarred(model: Model): void {
  model.show(() => <Barred model={model} />);
}

function Barred({ model }: { model: Model }) {
  const { room } = model;
  if (!room) return null;
  const whom = (user_id: string): { room_id: string; user_id: string } => ({ room_id: room._id, user_id });
  const unban = async (id: string): Promise<void> => {
    await model.attempt(model.chat.call('/room/unban', whom(id)));
    model.refreshRoom();
  };
  const silenced = Object.entries(room.silently ?? {});
  return (
    <Sheet model={model} title={t('barred')}>
      <h3>{t('bannedPeople')}</h3>
      {!room.banned?.length && <p class="quiet">{t('nobodyThere')}</p>}
      <ul class="list">
        {room.banned?.map((id) => (
          <li key={id}><Person model={model} id={id} /><button onClick={() => void unban(id)}>{t('unban')}</button></li>
        ))}
      </ul>
      <h3>{t('silencedPeople')}</h3>
      {!silenced.length && <p class="quiet">{t('nobodyThere')}</p>}
      <ul class="list">
        {silenced.map(([id, until]) => (
          <li key={id}>
            <Person model={model} id={id} />
            <span class="quiet">{t('until', { time: time(new Date(until).toISOString()) })}</span>
            <button onClick={() => void endSilence(model, id)}>{t('unsilence')}</button>
          </li>
        ))}
      </ul>
    </Sheet>
  );
}
