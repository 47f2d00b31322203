import { useEffect } from 'preact/hooks';
import { Avatar } from './avatar.js';
import type { Listed } from './dialog_list.js';
import { inShort, Stamp } from './message_parts.js';
import type { Model } from './model.js';
import { t } from './words/index.js';

export function Dialogs({ model }: { model: Model }) {
  const { dialogs } = model.dialogs;
  useEffect(() => model.dialogs.refresh(), []);
  return (
    <section class="page">
      <h1 tabIndex={-1}>{t('dialogs')}</h1>
      {dialogs?.length === 0 && <p class="empty">{t('noDialogs')}</p>}
      <ul class="cards">{dialogs?.map((dialog) => <Line key={dialog.user} model={model} dialog={dialog} />)}</ul>
    </section>
  );
}

function Line({ model, dialog }: { model: Model; dialog: Listed }) {
  const { user, last_message: last, unread } = dialog;
  const name = model.nameOf(user);
  const isOwn = last.author === model.me?._id;
  return (
    <li class={unread ? 'unread' : ''}>
      <a class="card-link" href={`#/dialog/${user}`}>
        <Avatar id={user} person={model.person(user)} name={name} />
        <span class="about">
          <span class="name" dir="auto">{name}</span>
          <span class="quiet cut" dir="auto">{isOwn && `${t('you')}: `}{inShort(last.text)}</span>
        </span>
        <span class="side">
          <Stamp written={last.created_at} />
          {unread > 0 && <span class="badge">{t('unread', { count: unread })}</span>}
        </span>
      </a>
    </li>
  );
}
