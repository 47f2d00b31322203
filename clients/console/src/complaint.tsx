import { useEffect, useRef, useState } from 'preact/hooks';
import { Field } from '../../shared/field.js';
import type { components } from '../../javascript/src/api.js';
import type { Result } from '../../javascript/src/calls.js';
import {
  banning, closing, reopening, silencing, suspending, unbanning, unsilencing, unsuspending,
} from './deeds.js';
import { useKeys } from './keys.js';
import { useAnswer, Waiting } from './listing.js';
import { drop, Said } from './message.js';
import type { Deed, Model, Term } from './model.js';
import { Facts, Person, Stamp } from './parts.js';
import { removeRoom } from './rooms.js';
import { TermChoice } from './term.js';
import { reasonName, t, time, type Word } from './words/index.js';

export type ComplaintDocument = components['schemas']['ServerComplaintDocument'];
type Room = components['schemas']['RoomDocument'];
type Shown = Result<'/server/complaints/show'>;

/** What a complaint is about, in a line. */
export function excerpt({ text, message }: ComplaintDocument): string {
  return message?.text || text;
}

/** A complaint with all that is known around it, and what can be done. `next` is the one after it. */
export function Complaint({ model, id, next }: { model: Model; id: string; next: string }) {
  const shown = useAnswer(model, id, async () => {
    const answer = await model.read('/server/complaints/show', { complaint: id });
    model.learn(answer.author, answer.user);
    return answer;
  });
  const article = useRef<HTMLElement>(null);
  const isThere = Boolean(shown);
  // What was focused went with the complaint before.
  useEffect(() => {
    if (document.activeElement === document.body) article.current?.querySelector('h2')?.focus({ preventScroll: true });
  }, [isThere]);
  if (!shown) return <Waiting of={shown} />;
  return (
    <article class="complaint" ref={article}>
      <Head model={model} shown={shown} />
      <Context model={model} shown={shown} />
      <Earlier title={t('earlier')} complaints={shown.earlier} />
      <Earlier title={t('others')} complaints={shown.others} />
      <Choices key={shown.complaint.status} model={model} shown={shown} next={next} />
    </article>
  );
}

function Head({ model, shown: { complaint, room, user } }: { model: Model; shown: Shown }) {
  const where = complaint.room && (room ? <a href={`#/rooms/${room._id}`}><bdi>{room.name}</bdi></a> : t('roomGone'));
  return (
    <>
      <h2 tabIndex={-1}>{reasonName(complaint.reason)}</h2>
      <blockquote dir="auto">{complaint.text}</blockquote>
      <Facts
        facts={[
          [t('aboutWhom'), complaint.user && (
            <>
              <Person model={model} id={complaint.user} />{' '}
              {user?.suspension && <span class="mark">{t('suspendedShort')}</span>}
              {room && isSilenced(room, complaint.user) && <span class="mark">{t('silencedShort')}</span>}
              {room && isBanned(room, complaint.user) && <span class="mark">{t('bannedShort')}</span>}
            </>
          )],
          [t('byWhom'), <Person model={model} id={complaint.author} />],
          [t('room'), where ?? (complaint.message && t('direct'))],
          [t('when'), <Stamp at={complaint.created_at} />],
          [t('note'), complaint.note],
        ]}
      />
    </>
  );
}

/** The message, with the ones before and after it. */
function Context({ model, shown: { complaint, around } }: { model: Model; shown: Shown }) {
  const { message } = complaint;
  if (!message) return null;
  const said = [...around, message]
    .sort((a, b) => a.created_at.localeCompare(b.created_at) || a._id.localeCompare(b._id));
  return (
    <section aria-label={t('context')}>
      <ol class="context">
        {said.map((each) => <Said key={each._id} model={model} message={each} isAccused={each === message} />)}
      </ol>
    </section>
  );
}

function Earlier({ title, complaints }: { title: string; complaints: ComplaintDocument[] }) {
  if (!complaints.length) return null;
  return (
    <details>
      <summary>{title} ({complaints.length})</summary>
      <ul class="list">
        {complaints.map((each) => (
          <li key={each._id}>
            <a href={`#/complaints/${each._id}`}>{reasonName(each.reason)}, {time(each.created_at)}</a>
            <span class="cut" dir="auto">{excerpt(each)}</span>
            {each.note && <span class="quiet" dir="auto">{each.note}</span>}
          </li>
        ))}
      </ul>
    </details>
  );
}

interface Does {
  carryOut(deed: Deed): void;
  dropIt(message: string): void;
  removeIt(room: Room): void;
}

interface Choice {
  word: Word;
  key: string;
  does: () => void;
}

/** What can be done, by one click or one key each. What is done goes into the note, unless it is taken back. */
function Choices({ model, shown, next }: { model: Model; shown: Shown; next: string }) {
  const { complaint } = shown;
  const [term, setTerm] = useState<Term>('day');
  const [note, setNote] = useState('');
  const isOpen = complaint.status === 'open';

  function remember(done: string): void {
    setNote((before) => (before ? `${before} ${done}` : done));
  }

  function forget(done: string): void {
    setNote((before) => before.replace(done, '').replace('  ', ' ').trim());
  }

  async function carryOut(deed: Deed): Promise<void> {
    const { done, undo } = deed;
    const undone = undo && { ...undo, call: () => undo.call().then(() => forget(done)) };
    if (await model.carryOut(undone ? { ...deed, undo: undone } : deed)) remember(done);
  }

  async function dropIt(message: string): Promise<void> {
    if (await drop(model, message)) remember(t('dropped'));
  }

  async function removeIt(room: Room): Promise<void> {
    if (await removeRoom(model, room)) remember(t('roomRemoved', { name: room.name }));
  }

  async function close(): Promise<void> {
    if (await model.carryOut(closing(model, complaint._id, note.trim() || t('noteNone')))) model.go('complaints', next);
  }

  const end: Choice = isOpen
    ? { word: 'close', key: 'C', does: () => void close() }
    : { word: 'reopen', key: 'O', does: () => void model.carryOut(reopening(model, complaint._id)) };
  const choices = choicesOf(model, shown, term, {
    carryOut: (deed) => void carryOut(deed),
    dropIt: (message) => void dropIt(message),
    removeIt: (room) => void removeIt(room),
  });
  useKeys(model, Object.fromEntries([...choices, end].map(({ key, does }) => [`Key${key}`, does])));
  return (
    <form
      class="choices" aria-label={t('deeds')}
      onSubmit={(event) => (event.preventDefault(), end.does())}
    >
      <div class="row">
        {choices.map((choice) => <ChoiceButton key={choice.key} model={model} choice={choice} />)}
        {complaint.user && <TermChoice term={term} onTerm={setTerm} />}
      </div>
      <div class="closing">
        {isOpen && (
          <Field label={t('note')} placeholder={t('noteNone')} maxLength={1000} value={note} onValue={setNote} />
        )}
        <ChoiceButton model={model} choice={end} isMain />
      </div>
    </form>
  );
}

function ChoiceButton(props: { model: Model; choice: Choice; isMain?: boolean }) {
  const { model: { hasKeys }, choice: { word, key, does }, isMain = false } = props;
  return (
    <button
      type="button" class={isMain ? 'main' : undefined} aria-keyshortcuts={hasKeys ? key : undefined} onClick={does}
    >
      {t(word)} {hasKeys && <kbd aria-hidden="true">{key}</kbd>}
    </button>
  );
}

/** What can be done to the message and to whom the complaint is about. */
function choicesOf(model: Model, { complaint, room, user }: Shown, term: Term, does: Does): Choice[] {
  const { carryOut, dropIt, removeIt } = does;
  const { message } = complaint;
  const id = complaint.user;
  const choices: Choice[] = [];
  if (message && message.text !== null && !model.dropped.has(message._id)) {
    choices.push({ word: 'drop', key: 'D', does: () => dropIt(message._id) });
  }
  if (!id && room) {
    choices.push({ word: 'removeRoom', key: 'R', does: () => removeIt(room) });
  }
  if (id && room && id !== room.admin) {
    const silence = isSilenced(room, id)
      ? unsilencing(model, id, room._id)
      : silencing(model, id, room._id, term, message?._id);
    choices.push({ word: isSilenced(room, id) ? 'unsilence' : 'silence', key: 'S', does: () => carryOut(silence) });
    const ban = isBanned(room, id) ? unbanning(model, id, room._id) : banning(model, id, room._id, message?._id);
    choices.push({ word: isBanned(room, id) ? 'unban' : 'ban', key: 'B', does: () => carryOut(ban) });
  }
  if (id && user) {
    // Not what the complaint says: that is its author's, and the audit log keeps reasons.
    const reason = t('reasonOf', { reason: reasonName(complaint.reason), id: complaint._id });
    const suspend = user.suspension ? unsuspending(model, id) : suspending(model, id, term, reason);
    choices.push({ word: user.suspension ? 'unsuspend' : 'suspend', key: 'U', does: () => carryOut(suspend) });
  }
  return choices;
}

function isSilenced(room: Room, user: string): boolean {
  return (room.silently?.[user] ?? 0) > Date.now();
}

function isBanned(room: Room, user: string): boolean {
  return room.banned?.includes(user) ?? false;
}
