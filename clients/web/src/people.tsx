import { useState } from 'preact/hooks';
import type { Room } from '../../javascript/src/index.js';
import { Avatar } from './avatar.js';
import { MenuButton } from './menu.js';
import type { Model } from './model.js';
import { isSilenced, personDeeds } from './person_deeds.js';
import { Sheet } from './sheet.js';
import { t } from './words/index.js';

const PAGE = 100;

export function showPeople(model: Model): void {
  model.show(() => (
    <Sheet model={model} title={t('people', { count: model.room?.users_count ?? 0 })}>
      {model.room && <People model={model} room={model.room} />}
    </Sheet>
  ));
}

/** Who is in the room, those of rank first. */
export function People({ model, room }: { model: Model; room: Room }) {
  const [count, setCount] = useState(PAGE);
  const users = [...room.users].sort((one, other) => model.rank(other) - model.rank(one));
  return (
    <>
      <ul class="people">
        {users.slice(0, count).map((id) => <li key={id}><Person model={model} id={id} /></li>)}
      </ul>
      {users.length > count && <button class="plain" onClick={() => setCount(count + PAGE)}>{t('more')}</button>}
    </>
  );
}

/** A person as a line, which opens what can be done with them. */
export function Person({ model, id }: { model: Model; id: string }) {
  const rank = model.rank(id);
  const name = model.nameOf(id);
  const isMe = id === model.me?._id;
  return (
    <MenuButton model={model} class="person" label={name} deeds={() => personDeeds(model, id)}>
      <Avatar id={id} person={model.person(id)} name={name} />
      <span class="name" dir="auto">{name}{isMe && ` (${t('you')})`}</span>
      {rank > 0 && <span class="rank">{t(rank === 2 ? 'admin' : 'moderator')}</span>}
      {isSilenced(model, id) && <span class="quiet">{t('silenced')}</span>}
    </MenuButton>
  );
}
