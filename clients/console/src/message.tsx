import type { components } from '../../javascript/src/api.js';
import { dropping } from './deeds.js';
import type { Model } from './model.js';
import { isPicture, Person, Picture, Stamp } from './parts.js';
import { known, t } from './words/index.js';

type Schemas = components['schemas'];
export type Message = Schemas['MessageDocument'] | Schemas['DirectMessageDocument'];

interface Props {
  model: Model;
  message: Message;
  /** Whether it is the message that a complaint is about. */
  isAccused?: boolean;
  /** Whether it can be dropped. */
  drops?: boolean;
}

export async function drop(model: Model, message: string): Promise<boolean> {
  const question = { title: t('drop'), text: t('dropSure'), button: t('drop') };
  return (await model.ask(question)) !== null && model.carryOut(dropping(model, message));
}

/** A message, as a line of what was said. */
export function Said({ model, message, isAccused = false, drops = false }: Props) {
  const { text, author, created_at } = message;
  if (message.type) return <Happening model={model} message={message} />;
  const isGone = text === null || model.dropped.has(message._id);
  return (
    <li class={isAccused ? 'accused' : undefined}>
      <span class="row">
        <Person model={model} id={author} /> <Stamp at={created_at} />
        {isAccused && <span class="mark">{t('accused')}</span>}
        {drops && !isGone && (
          <button class="small" onClick={() => void drop(model, message._id)}>{t('drop')}</button>
        )}
      </span>
      {isGone && <p class="quiet">{t('gone')}</p>}
      {text === null ? null : isPicture(text) ? <Hidden path={text} /> : (
        <p dir="auto" class="text">{text}</p>
      )}
    </li>
  );
}

/** A picture that somebody may have complained about: it is seen by who opens it. */
function Hidden({ path }: { path: string }) {
  return (
    <details>
      <summary>{t('picture')}</summary>
      <Picture path={path} />
    </details>
  );
}

/** What happened in a room, in words. */
function Happening({ model, message }: { model: Model; message: Message }) {
  const { type, author, user, created_at } = message;
  const ends = 'finished' in message && (message.finished ?? 0) <= Date.parse(created_at);
  const word = known(ends ? 'silence over by' : `${type} by`);
  const put = { author: model.nameOf(author), user: user ? model.nameOf(user) : '' };
  return (
    <li class="quiet"><Stamp at={created_at} /> <span dir="auto">{word ? t(word, put) : type}</span></li>
  );
}
