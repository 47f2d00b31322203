import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { DirectMessage, Unsent } from '../../javascript/src/index.js';
import { Avatar } from './avatar.js';
import { Composer } from './composer.js';
import { sendGift } from './gifts.js';
import { type Deed, MenuButton } from './menu.js';
import { Day, inShort, Stamp, Text, UnsentLine } from './message_parts.js';
import type { Model } from './model.js';
import { showProfile } from './profile.js';
import { report } from './report.js';
import { confirm } from './sheet.js';
import { Timeline } from './timeline.js';
import { t } from './words/index.js';

export function Dialog({ model, user }: { model: Model; user: string }) {
  const { chat } = model;
  const history = chat.dialog(user);
  const name = model.nameOf(user);
  const unsent = chat.unsent.filter((item): item is Unsent & { user: string } => 'user' in item && item.user === user);

  // Before the page is painted: the history may be there sooner.
  useLayoutEffect(() => {
    const end = history.on('change', () => model.changed());
    return () => (end(), chat.release(history));
  }, []);
  useReading(model, user, history.messages, (message) => history.add(message));

  return (
    <section class="talk">
      <div class="head">
        <h1 tabIndex={-1} dir="auto">
          <button class="plain person" onClick={() => showProfile(model, user)}>
            <Avatar id={user} person={model.person(user)} name={name} /><span class="name">{name}</span>
          </button>
        </h1>
        <MenuButton model={model} class="dots" label={name} deeds={() => dialogDeeds(model, user)}>
          <span aria-hidden="true">⋯</span><span class="hidden">{t('dialogMenu')}</span>
        </MenuButton>
      </div>
      {chat.blocks.has(user) && <p class="quiet">{t('blocked')}</p>}
      <Timeline
        items={history.messages} keyOf={({ _id }) => _id}
        draw={(message, before) => <Line key={message._id} model={model} message={message} before={before} user={user} />}
        isComplete={history.isComplete} older={() => model.attempt(history.older())}
      >
        {unsent.map((item) => <UnsentLine key={item.client_id} model={model} unsent={item} />)}
      </Timeline>
      <div class="write"><Composer model={model} onText={(text) => model.send({ user, text })} /></div>
    </section>
  );
}

/** What is shown is read: one message after the other, so that a long absence costs no burst of calls. */
function useReading(model: Model, user: string, messages: readonly DirectMessage[], read: (message: DirectMessage) => void): void {
  const asked = useRef(new Set<string>());
  const queue = useRef(Promise.resolve());
  useEffect(() => {
    const look = (): void => {
      if (document.hidden) return;
      for (const { _id, author, read: isRead } of messages) {
        if (author !== user || isRead || asked.current.has(_id)) continue;
        asked.current.add(_id);
        queue.current = queue.current
          .then(() => model.chat.call('/user/messages/mark-as-read', { message: _id }))
          .then(({ message }) => (read(message), model.dialogs.refresh()), () => void asked.current.delete(_id));
      }
    };
    look();
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, [messages]);
}

interface LineProps {
  model: Model;
  message: DirectMessage;
  before: DirectMessage | undefined;
  user: string;
}

function Line({ model, message, before, user }: LineProps) {
  const isOwn = message.author !== user;
  return (
    <li class={`message ${isOwn ? 'own' : ''}`}>
      <Day written={message.created_at} before={before?.created_at} />
      <div class="bubble">
        {message.text === null ? <p class="quiet">{t('gone')}</p> : (
          <Text text={message.text} author={model.nameOf(message.author)} />
        )}
        {message.held && <p class="quiet">{t('held')}</p>}
        <span class="foot">
          <Stamp written={message.created_at} />
          {isOwn && message.text !== null && <span class="quiet receipt">{t(message.read ? 'read' : 'sent')}</span>}
          <MenuButton model={model} class="dots" label={t('menu')} deeds={() => lineDeeds(model, message, isOwn)}>
            <span aria-hidden="true">⋯</span><span class="hidden">{t('menu')}</span>
          </MenuButton>
        </span>
      </div>
    </li>
  );
}

function lineDeeds(model: Model, message: DirectMessage, isOwn: boolean): Deed[] {
  const { chat } = model;
  const remove = async (): Promise<void> => {
    if (!(await model.attempt(chat.call('/user/messages/remove', { message: message._id })))) return;
    void chat.dialog(isOwn ? message.user : message.author).forget(message._id);
    model.dialogs.refresh();
  };
  const ask = (): void =>
    confirm(model, {
      title: t('removeHere'), text: t('removeHereAsked', { text: inShort(message.text) }),
      label: t('removeHere'), act: remove,
    });
  return [
    { label: t('removeHere'), act: ask, isGrave: true },
    ...(isOwn ? [] : [{ label: t('report'), act: () => report(model, { message: message._id }), isGrave: true }]),
  ];
}

function dialogDeeds(model: Model, user: string): Deed[] {
  const isBlocked = model.chat.blocks.has(user);
  const remove = async (): Promise<void> => {
    if (await model.attempt(model.chat.call('/user/remove-dialog', { user }))) model.go('dialogs');
    model.dialogs.refresh();
  };
  const text = t('removeDialogAsked', { user: model.nameOf(user) });
  return [
    { label: t('profile'), act: () => showProfile(model, user) },
    { label: t('give'), act: () => sendGift(model, user) },
    { label: t('report'), act: () => report(model, { user }), isGrave: true },
    { label: t(isBlocked ? 'unblock' : 'block'), act: () => model.block(user, !isBlocked), isGrave: !isBlocked },
    {
      label: t('removeDialog'), isGrave: true,
      act: () => confirm(model, { title: t('removeDialog'), text, label: t('removeDialog'), act: remove }),
    },
  ];
}
