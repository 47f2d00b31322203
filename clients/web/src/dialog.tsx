import { useEffect, useRef } from 'preact/hooks';
import type { Unsent } from '../../javascript/src/index.js';
import { Composer } from './composer.js';
import { Messages, Stamp, Text, UnsentLine } from './messages.js';
import type { Model } from './model.js';
import { t } from './words/index.js';

export function Dialog({ model, user }: { model: Model; user: string }) {
  const { chat } = model;
  const history = chat.dialog(user);
  const marked = useRef(new Set<string>());
  const isBlocked = chat.blocks.has(user);
  const unsent = chat.unsent.filter((item): item is Unsent & { user: string } => 'user' in item && item.user === user);

  useEffect(() => {
    const end = history.on('change', () => model.changed());
    return () => (end(), chat.release(history));
  }, []);

  // What is shown is read.
  useEffect(() => {
    for (const { _id, author, read } of history.messages) {
      if (author !== user || read || marked.current.has(_id) || document.hidden) continue;
      marked.current.add(_id);
      void chat.call('/user/messages/mark-as-read', { message: _id }).then(
        ({ message }) => history.add(message), () => marked.current.delete(_id),
      );
    }
    if (model.unread.get(user)) model.count(user, -Infinity);
  });

  async function block(on: boolean): Promise<void> {
    if (!(await model.attempt(on ? chat.call('/user/block', { user }) : chat.call('/user/unblock', { user })))) return;
    const blocks = new Set(chat.blocks);
    if (on) blocks.add(user);
    else blocks.delete(user);
    chat.blocks = blocks;
    model.changed();
  }

  async function report(): Promise<void> {
    if (await model.attempt(chat.call('/complaints/new', { user, text: '-' }))) model.say(t('reported'));
  }

  return (
    <section class="room">
      <div class="row title">
        <h1 tabIndex={-1} dir="auto">{model.nameOf(user)}</h1>
        <button onClick={() => void block(!isBlocked)}>{t(isBlocked ? 'unblock' : 'block')}</button>
        <button onClick={() => void report()}>{t('report')}</button>
      </div>
      {isBlocked && <p class="quiet">{t('blocked')}</p>}
      <Messages
        first={history.messages[0]?._id ?? ''} isComplete={history.isComplete}
        older={() => model.attempt(history.older()).then(() => {})}
      >
        {history.messages.map((message) => (
          <li key={message._id} class={`message ${message.author === user ? '' : 'own'}`}>
            {message.text === null ? <p class="quiet">{t('gone')}</p> : (
              <Text text={message.text} author={model.nameOf(message.author)} />
            )}
            <Stamp written={message.create_at} />
            {message.author !== user && message.read && <span class="quiet"> {t('read')}</span>}
          </li>
        ))}
        {unsent.map((item) => <UnsentLine key={item.client_id} model={model} unsent={item} />)}
      </Messages>
      <Composer model={model} onText={(text) => model.send({ user, text })} />
    </section>
  );
}
