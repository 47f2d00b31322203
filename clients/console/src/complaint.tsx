import { useState } from 'preact/hooks';
import { Field } from '../../shared/field.js';
import type { components } from '../../javascript/src/api.js';
import { dropping, suspending } from './deeds.js';
import { useKeys } from './keys.js';
import type { Deed, Model, Term } from './model.js';
import { Facts, Person, Stamp } from './parts.js';
import { TermChoice } from './term.js';
import { reasonName, t, type Word } from './words/index.js';

export type ComplaintDocument = components['schemas']['ServerComplaintDocument'];

/** What a complaint says, or what it is about where it says nothing. */
export function said({ text, message }: ComplaintDocument): string {
  return message?.text || text;
}

interface Choice {
  word: Word;
  key: string;
  does: (() => void) | undefined;
}

export function Complaint(props: { model: Model; complaint: ComplaintDocument; next: string }) {
  const { model, complaint, next } = props;
  const { _id, user, message, author, room } = complaint;
  const [term, setTerm] = useState<Term>('day');
  const [note, setNote] = useState('');
  const isOpen = complaint.status === 'open';

  async function carryOut(deed: Deed): Promise<void> {
    if (await model.carryOut(deed)) setNote((before) => (before ? `${before}; ${deed.done}` : deed.done));
  }

  async function drop(): Promise<void> {
    if (!message) return;
    const question = { title: t('drop'), text: t('dropSure'), button: t('drop') };
    if (await model.ask(question)) await carryOut(dropping(model, message._id));
  }

  async function close(): Promise<void> {
    const done = { call: () => model.call('/server/complaints/close', { complaint: _id, note: note || t('noteNone') }), done: t('closedNow') };
    if (await model.carryOut(done)) model.go('complaints', next);
  }

  const reason = `${reasonName(complaint.reason)}: ${complaint.text}`;
  const choices: Choice[] = [
    { word: 'drop', key: 'D', does: message?.text ? () => void drop() : undefined },
    { word: 'suspend', key: 'U', does: user ? () => void carryOut(suspending(model, user, term, reason)) : undefined },
    { word: 'close', key: 'C', does: isOpen ? () => void close() : undefined },
  ];
  useKeys(model, Object.fromEntries(choices.map(({ key, does }) => [`Key${key}`, does])));

  return (
    <article class="complaint">
      <h2>{reasonName(complaint.reason)}</h2>
      <Facts
        facts={[
          [t('byWhom'), <Person model={model} id={author} />],
          [t('aboutWhom'), user && <Person model={model} id={user} />],
          [t('room'), room],
          [t('when'), <Stamp at={complaint.created_at} />],
          [t('note'), complaint.note],
        ]}
      />
      <blockquote dir="auto">{complaint.text}</blockquote>
      {message && <p dir="auto" class="text">{message.text ?? t('gone')}</p>}
      <TermChoice term={term} onTerm={setTerm} />
      <Field label={t('note')} maxLength={1000} value={note} onValue={setNote} />
      <div class="row">
        {choices.map(({ word, key, does }) => does && (
          <button aria-keyshortcuts={key} onClick={does}>{t(word)} <kbd aria-hidden="true">{key}</kbd></button>
        ))}
      </div>
    </article>
  );
}
