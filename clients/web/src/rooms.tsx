import { useEffect, useState } from 'preact/hooks';
import type { Body, Room } from '../../javascript/src/index.js';
import { Field } from '../../shared/field.js';
import { Form } from '../../shared/form.js';
import type { Model } from './model.js';
import { Choice } from './room_settings.js';
import { t } from './words/index.js';

const PAGE = 40;
/** Milliseconds between two looks: no event tells of rooms. */
const FRESH = 10_000;
const SORTS = {
  newest: { create_at: -1 },
  fullest: { users: -1 },
  name: { name: 1 },
} satisfies Record<string, Body<'/room/get'>['sort']>;

export function Rooms({ model }: { model: Model }) {
  const [name, setName] = useState('');
  const [filled, setFilled] = useState(false);
  const [privated, setPrivated] = useState(false);
  const [sort, setSort] = useState<keyof typeof SORTS>('newest');
  const [pages, setPages] = useState(1);
  const [looks, setLooks] = useState(0);
  const [found, setFound] = useState<{ rooms: Room[]; count: number } | null>(null);

  useEffect(() => {
    let isOver = false;
    const filter = { filled, privated };
    const timer = setTimeout(async () => {
      const wanted = Array.from({ length: pages }, (_, page) =>
        model.chat.call('/room/get', {
          ...(name.trim() ? { name } : {}), filter, sort: SORTS[sort], page: page + 1, per_page: PAGE,
        }),
      );
      const answers = await model.attempt(Promise.all(wanted));
      if (isOver || !answers) return;
      const rooms = answers.flatMap((answer) => ('rooms' in answer ? answer.rooms : []));
      setFound({ rooms: [...new Map(rooms.map((room) => [room._id, room])).values()], count: answers[0]?.count ?? 0 });
    }, found ? 300 : 0);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [name, filled, privated, sort, pages, looks]);

  useEffect(() => {
    const timer = setInterval(() => document.hidden || setLooks((before) => before + 1), FRESH);
    return () => clearInterval(timer);
  }, []);

  return (
    <section class="page with-side">
      <h1 tabIndex={-1}>{t('rooms')}</h1>
      <form class="search" role="search" onSubmit={(event) => event.preventDefault()}>
        <Field label={t('search')} type="search" value={name} onValue={(value) => (setName(value), setPages(1))} />
        <Choice
          label={t('sort')} value={sort} onValue={setSort}
          options={{ newest: t('sortNewest'), fullest: t('sortFullest'), name: t('sortName') }}
        />
        <div class="row">
          <Check label={t('hideFull')} checked={filled} onChecked={setFilled} />
          <Check label={t('hidePrivate')} checked={privated} onChecked={setPrivated} />
        </div>
      </form>
      {found?.rooms.length === 0 && <p class="empty">{t('noRooms')}</p>}
      <ul class="cards">{found?.rooms.map((room) => <RoomLine key={room._id} model={model} room={room} />)}</ul>
      {found && found.rooms.length < found.count && (
        <button onClick={() => setPages(pages + 1)}>{t('more')}</button>
      )}
      <NewRoom model={model} />
    </section>
  );
}

function Check(props: { label: string; checked: boolean; onChecked(checked: boolean): void }) {
  return (
    <label class="check">
      <input type="checkbox" checked={props.checked} onChange={(event) => props.onChecked(event.currentTarget.checked)} />
      {props.label}
    </label>
  );
}

function RoomLine({ model, room }: { model: Model; room: Room }) {
  return (
    <li>
      <a class="card-link" href={`#/room/${room._id}`}>
        <span class="about">
          <span class="name" dir="auto">{room.name}</span>
          <span class="row quiet">
            {room.is_private && <span>{t('private')}</span>}
            {room.users_count >= room.max_users && <span>{t('full')}</span>}
            {room.admin === model.me?._id && <span>{t('yours')}</span>}
          </span>
        </span>
        <span class="side quiet">{t('users', { count: room.users_count, most: room.max_users })}</span>
      </a>
    </li>
  );
}

function NewRoom({ model }: { model: Model }) {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');

  async function create(): Promise<void> {
    const made = await model.attempt(model.chat.call('/room/create', { room: password ? { name, password } : { name } }));
    if (made) model.go('room', '', made.room._id);
  }

  return (
    <Form class="card form" onSubmit={create}>
      <h2>{t('createHeading')}</h2>
      <Field label={t('room')} required maxLength={128} value={name} onValue={setName} />
      <Field label={t('passwordNew')} type="password" autoComplete="off" value={password} onValue={setPassword} />
      <button class="main">{t('create')}</button>
    </Form>
  );
}
