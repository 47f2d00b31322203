import { useEffect, useState } from 'preact/hooks';
import type { Room, User } from '../../javascript/src/index.js';
import { Avatar } from './avatar.js';
import { ReceivedGifts, sendGift } from './gifts.js';
import type { Model } from './model.js';
import { report } from './report.js';
import { Sheet } from './sheet.js';
import { day, t } from './words/index.js';

const MOST_ROOMS = 8;

export function showProfile(model: Model, id: string): void {
  model.show(() => <Profile key={id} model={model} id={id} />);
}

function Profile({ model, id }: { model: Model; id: string }) {
  const [isGone, setGone] = useState(false);
  const person = model.person(id);
  const name = model.nameOf(id);
  const isBlocked = model.chat.blocks.has(id);

  useEffect(() => {
    void model.chat.call('/init/getUser', { user_id: id }).then(({ user }) => model.people.put(user), () => setGone(true));
  }, []);

  return (
    <Sheet model={model} title={name}>
      {isGone && <p class="quiet">{t('error user-not-found')}</p>}
      {person && (
        <>
          <div class="profile">
            <Avatar id={id} person={person} name={name} big />
            <Facts person={person} />
          </div>
          <div class="row">
            <button class="main" onClick={() => model.go('dialog', '', id)}>{t('write')}</button>
            <button onClick={() => sendGift(model, id)}>{t('give')}</button>
            <button onClick={() => report(model, { user: id })}>{t('report')}</button>
            <button onClick={() => void model.block(id, !isBlocked)}>{t(isBlocked ? 'unblock' : 'block')}</button>
          </div>
          <Rooms model={model} person={person} />
          <ReceivedGifts model={model} user={id} count={person.gifts_count} />
        </>
      )}
    </Sheet>
  );
}

function Facts({ person }: { person: User }) {
  const facts = [
    [t('phone'), person.phone && `+${person.phone}`],
    [t('location'), person.location],
    [t('dob'), person.dob && day(person.dob)],
    [t('memberSince'), day(person.created_at)],
  ];
  return (
    <dl>
      {facts.map(([name, value]) => value && (
        <div key={name}><dt>{name}</dt><dd dir="auto">{value}</dd></div>
      ))}
    </dl>
  );
}

/** The room that a person is in, and those of theirs. */
function Rooms({ model, person }: { model: Model; person: User }) {
  const [rooms, setRooms] = useState<Room[]>([]);
  const ids = [...new Set([...(person.room ? [person.room] : []), ...person.rooms.slice(-MOST_ROOMS).reverse()])];

  useEffect(() => {
    const found = ids.map((room_id) => model.chat.call('/room/get', { room_id }).catch(() => null));
    void Promise.all(found).then((answers) =>
      setRooms(answers.flatMap((answer) => (answer && 'rooms' in answer ? answer.rooms : []))),
    );
  }, [ids.join()]);

  if (!rooms.length) return null;
  return (
    <section>
      <h3>{t('roomsOf')}</h3>
      <ul class="list">
        {rooms.map(({ _id, name }) => (
          <li key={_id}>
            <a href={`#/room/${_id}`} dir="auto">{name}</a>
            {_id === person.room && <span class="quiet">{t('nowThere')}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}
