import type { Message } from '../../javascript/src/index.js';
import { Avatar } from './avatar.js';
import { type Deed, MenuButton } from './menu.js';
import { Day, inShort, Stamp, Text } from './message_parts.js';
import type { Model } from './model.js';
import { personDeeds } from './person_deeds.js';
import { report } from './report.js';
import { confirm } from './sheet.js';
import { known, t, time } from './words/index.js';

/** Milliseconds within which the messages of one person stand together. */
const TOGETHER = 5 * 60_000;

interface Props {
  model: Model;
  message: Message;
  before: Message | undefined;
  onReply(message: Message): void;
}

/** A message of a room, or what happened in it. */
export function RoomLine({ model, message, before, onReply }: Props) {
  const { author, created_at, ref_message: quoted } = message;
  const name = model.nameOf(author);
  const day = <Day written={created_at} before={before?.created_at} />;
  if (message.type) {
    return (
      <li class="service quiet">
        {day}<span>{told(model, message)}</span> <Stamp written={created_at} />
      </li>
    );
  }
  const isOwn = author === model.me?._id;
  const rank = model.rank(author);
  return (
    <li class={`message ${isOwn ? 'own' : ''} ${isTogether(message, before) ? 'together' : ''}`}>
      {day}
      {!isOwn && (
        <MenuButton model={model} class="author" label={name} deeds={() => personDeeds(model, author)}>
          <Avatar id={author} person={model.person(author)} name={name} />
          <span class="name" dir="auto">{name}</span>
          {rank > 0 && <span class="rank">{t(rank === 2 ? 'admin' : 'moderator')}</span>}
        </MenuButton>
      )}
      <div class="bubble">
        {quoted && (
          <blockquote dir="auto">
            <span class="hidden">{t('quoted')} </span>
            <strong>{model.nameOf(quoted.author)}</strong> {inShort(quoted.text)}
          </blockquote>
        )}
        {message.text === null ? <p class="quiet">{t('gone')}</p> : <Text text={message.text} author={name} />}
        {message.held && <p class="quiet">{t('held')}</p>}
        <span class="foot">
          <Stamp written={created_at} />
          {!message.removed_at && (
            <MenuButton model={model} class="dots" label={t('menu')} deeds={() => deeds(model, message, onReply)}>
              <span aria-hidden="true">⋯</span><span class="hidden">{t('menu')}</span>
            </MenuButton>
          )}
        </span>
      </div>
    </li>
  );
}

function isTogether(message: Message, before: Message | undefined): boolean {
  if (!before || before.type || before.author !== message.author) return false;
  return Date.parse(message.created_at) - Date.parse(before.created_at) < TOGETHER;
}

/** A service message in words. */
function told(model: Model, message: Message): string {
  const { type, text, created_at, finished } = message;
  const put = { author: model.nameOf(message.author), user: model.nameOf(message.user) };
  const ends = type === 'silence' && finished !== undefined && finished <= Date.parse(created_at);
  const word = known(ends ? 'silence over by' : `${type} by`);
  let words = word ? t(word, put) : String(type);
  if (type === 'silence' && finished !== undefined && !ends) {
    words += ` (${t('until', { time: time(new Date(finished).toISOString()) })})`;
  }
  if (message.ref_message) words += ` — «${inShort(message.ref_message.text)}»`;
  return text ? `${words}: ${text}` : words;
}

function deeds(model: Model, message: Message, onReply: (message: Message) => void): Deed[] {
  const isOwn = message.author === model.me?._id;
  const mayRemove = isOwn || model.outranks(message.author);
  const remove = (): unknown =>
    confirm(model, {
      title: t('remove'),
      text: t('removeAsked', { text: inShort(message.text) }),
      label: t('remove'),
      act: () => model.attempt(model.chat.call('/room/remove-message', { message: message._id })),
    });
  return [
    { label: t('reply'), act: () => onReply(message) },
    ...(mayRemove ? [{ label: t('remove'), act: remove, isGrave: true }] : []),
    ...(isOwn ? [] : [{ label: t('report'), act: () => report(model, { message: message._id }), isGrave: true }]),
  ];
}
