import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { Field } from '../../shared/field.js';
import type { components } from '../../javascript/src/api.js';
import { banning, kicking, removingRoom, silencing, unbanning, unsilencing } from './deeds.js';
import { Listing, useAnswer, usePages, useSettled, Waiting } from './listing.js';
import { Said } from './message.js';
import type { Model, Term } from './model.js';
import { Facts, Person, Stamp } from './parts.js';
import { TermChoice } from './term.js';
import { t, time } from './words/index.js';

type Room = components['schemas']['RoomDocument'];
const LATEST = 20;

export function Rooms({ model }: { model: Model }) {
  const { id } = model.route;
  return id ? <RoomPage key={id} model={model} id={id} /> : <Search model={model} />;
}

function Search({ model }: { model: Model }) {
  const [text, setText] = useState('');
  const settled = useSettled(text.trim());
  const pages = usePages(model, settled, async (skip, limit) =>
    (await model.read('/server/rooms/list', { ...(settled ? { name: settled } : {}), skip, limit })).rooms);
  return (
    <section class="stack">
      <h1 tabIndex={-1}>{t('rooms')}</h1>
      <form role="search" onSubmit={(event) => event.preventDefault()}>
        <Field label={t('findRoom')} type="search" value={text} onValue={setText} />
      </form>
      <Listing
        pages={pages} nothing={t('noRooms')}
        line={(room) => (
          <>
            <a href={`#/rooms/${room._id}`}><bdi>{room.name}</bdi></a>
            <span class="quiet">
              {t('usersOf', { count: room.users_count, most: room.max_users })}
              {room.is_private && `, ${t('private')}`}
            </span>
          </>
        )}
      />
    </section>
  );
}

/** Removes a room, after a question; whether it is removed. */
export async function removeRoom(model: Model, { _id, name }: Room): Promise<boolean> {
  const question = { title: `${t('removeRoom')}: ${name}`, text: t('roomSure', { name }), button: t('removeRoom') };
  return (await model.ask(question)) !== null && model.carryOut(removingRoom(model, _id, name));
}

function RoomPage({ model, id }: { model: Model; id: string }) {
  const found = useAnswer(model, id, async () => {
    const answer = await model.read('/server/rooms/show', { room: id, messages: LATEST });
    model.learn(...answer.people);
    return answer;
  });
  if (!found) {
    return (
      <section class="stack">
        <a href="#/rooms">{t('rooms')}</a>
        <h1 tabIndex={-1}>{t('room')}</h1>
        <Waiting of={found} />
      </section>
    );
  }
  const { room, messages } = found;

  async function remove(): Promise<void> {
    if (await removeRoom(model, room)) model.go('rooms');
  }

  return (
    <section class="stack">
      <a href="#/rooms">{t('rooms')}</a>
      <h1 tabIndex={-1}><bdi>{room.name}</bdi></h1>
      <Facts
        facts={[
          [t('admin'), <Person model={model} id={room.admin} />],
          [t('people'), `${room.users_count} / ${room.max_users}`],
          [t('created'), <Stamp at={room.created_at} />],
          [t('id'), <code>{room._id}</code>],
        ]}
      />
      <div class="row"><button class="danger" onClick={() => void remove()}>{t('removeRoom')}</button></div>
      <Inside model={model} room={room} />
      <h2>{t('messages')}</h2>
      {messages.length ? (
        <ol class="context">
          {messages.map((message) => <Said key={message._id} model={model} message={message} drops />)}
        </ol>
      ) : <p class="quiet">{t('noMessages')}</p>}
    </section>
  );
}

/** Who is in a room, and who may not be or not speak. */
function Inside({ model, room }: { model: Model; room: Room }) {
  const [term, setTerm] = useState<Term>('day');
  const id = room._id;
  const silenced = Object.entries(room.silently ?? {});
  return (
    <>
      <h2>{t('people')}</h2>
      {room.users.length > 0 && <TermChoice term={term} onTerm={setTerm} />}
      <ul class="list">
        {room.users.map((user) => (
          <li key={user}>
            <Person model={model} id={user} />
            {user !== room.admin && (
              <span class="row deeds">
                <button onClick={() => void model.carryOut(silencing(model, user, id, term))}>{t('silence')}</button>
                <button onClick={() => void model.carryOut(kicking(model, user, id))}>{t('kick')}</button>
                <button onClick={() => void model.carryOut(banning(model, user, id))}>{t('ban')}</button>
              </span>
            )}
          </li>
        ))}
      </ul>
      <Outside title={t('silencedList')}>
        {silenced.map(([user, until]) => (
          <li key={user}>
            <Person model={model} id={user} />
            <span class="quiet">{t('silencedUntil', { time: time(new Date(until).toISOString()) })}</span>
            <button onClick={() => void model.carryOut(unsilencing(model, user, id))}>{t('unsilence')}</button>
          </li>
        ))}
      </Outside>
      <Outside title={t('bannedList')}>
        {(room.banned ?? []).map((user) => (
          <li key={user}>
            <Person model={model} id={user} />
            <button onClick={() => void model.carryOut(unbanning(model, user, id))}>{t('unban')}</button>
          </li>
        ))}
      </Outside>
    </>
  );
}

function Outside({ title, children }: { title: string; children: VNode[] }) {
  if (!children.length) return null;
  return (
    <>
      <h2>{title}</h2>
      <ul class="list">{children}</ul>
    </>
  );
}
