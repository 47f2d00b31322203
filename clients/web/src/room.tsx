import { useState } from 'preact/hooks';
import type { Message, Unsent } from '../../javascript/src/index.js';
import { Composer } from './composer.js';
import { Field } from '../../shared/field.js';
import { Messages, Stamp, Text, UnsentLine } from './messages.js';
import type { Model } from './model.js';
import { People } from './people.js';
import { known, t } from './words/index.js';

export function RoomPage({ model, id }: { model: Model; id: string }) {
  const [quoted, setQuoted] = useState<Message | null>(null);
  const { room, chat } = model;
  if (model.asksPassword) return <Password model={model} id={id} />;
  if (!room) return null;
  const history = chat.room(id);
  const unsent = chat.unsent.filter((item): item is Unsent & { room: string } => 'room' in item && item.room === id);

  function send(text: string): void {
    model.send({ room: id, text, ...(quoted ? { ref_message: quoted._id } : {}) });
    setQuoted(null);
  }

  return (
    <section class="room">
      <div class="row title">
        <h1 tabIndex={-1} dir="auto">{room.name}</h1>
        <button onClick={() => void model.leave()}>{t('leave')}</button>
      </div>
      <People model={model} room={room} />
      <Messages
        first={history.messages[0]?._id ?? ''} isComplete={history.isComplete}
        older={() => model.attempt(history.older()).then(() => {})}
      >
        {history.messages.filter((message) => !model.isHidden(message)).map((message) => (
          <Line key={message._id} model={model} message={message} onReply={setQuoted} />
        ))}
        {unsent.map((item) => <UnsentLine key={item.client_id} model={model} unsent={item} />)}
      </Messages>
      {quoted && (
        <p class="row quiet">
          {t('replyTo', { user: model.nameOf(quoted.author), text: (quoted.text ?? '').slice(0, 80) })}
          <button onClick={() => setQuoted(null)}>{t('cancel')}</button>
        </p>
      )}
      <Composer model={model} onText={send} />
    </section>
  );
}

function Password({ model, id }: { model: Model; id: string }) {
  const [password, setPassword] = useState('');
  const enter = (event: Event): void => (event.preventDefault(), void model.enter(id, password));
  return (
    <form class="card" onSubmit={enter}>
      <h1 tabIndex={-1}>{t('passwordOf')}</h1>
      <Field label={t('password')} type="password" autoComplete="off" required value={password} onValue={setPassword} />
      <button class="main">{t('enter')}</button>
    </form>
  );
}

function Line({ model, message, onReply }: { model: Model; message: Message; onReply(message: Message): void }) {
  const author = model.nameOf(message.author);
  if (message.type) {
    const word = known(`${message.type} by`);
    return (
      <li class="service quiet" dir="auto">
        {word ? t(word, { author, user: model.nameOf(message.user) }) : message.type}
        {message.text && `: ${message.text}`} <Stamp written={message.create_at} />
      </li>
    );
  }
  const quoted = message.ref_message;
  return (
    <li class={`message ${message.author === model.me?._id ? 'own' : ''}`}>
      <span class="row">
        <a href={`#/dialog/${message.author}`} dir="auto" class="author">{author}</a>
        <Stamp written={message.create_at} />
        {!message.removed_at && <Menu model={model} message={message} onReply={onReply} />}
      </span>
      {quoted && (
        <blockquote dir="auto">
          <span class="hidden">{t('quoted')} </span>{quoted.text ?? t('gone')}
        </blockquote>
      )}
      {message.text === null ? <p class="quiet">{t('gone')}</p> : <Text text={message.text} author={author} />}
    </li>
  );
}

function Menu({ model, message, onReply }: { model: Model; message: Message; onReply(message: Message): void }) {
  const isOwn = message.author === model.me?._id;
  const report = async (): Promise<void> => {
    if (await model.attempt(model.chat.call('/complaints/new', { message: message._id, text: message.text ?? '-' }))) {
      model.say(t('reported'));
    }
  };
  return (
    <details class="menu">
      <summary><span aria-hidden="true">⋯</span><span class="hidden">{t('menu')}</span></summary>
      <button onClick={() => onReply(message)}>{t('reply')}</button>
      {(isOwn || model.outranks(message.author)) && (
        <button onClick={() => void model.attempt(model.chat.call('/room/remove-message', { message: message._id }))}>
          {t('remove')}
        </button>
      )}
      {!isOwn && <button onClick={() => void report()}>{t('report')}</button>}
    </details>
  );
}
