import type { Room } from '../../javascript/src/index.js';
import type { Model } from './model.js';
import { t } from './words/index.js';

const TEN_MINUTES = 600_000;

export function People({ model, room }: { model: Model; room: Room }) {
  return (
    <details class="people">
      <summary>{t('people', { count: room.users_count })}</summary>
      <ul class="list">{room.users.map((id) => <Person key={id} model={model} room={room} id={id} />)}</ul>
    </details>
  );
}

function Person({ model, room, id }: { model: Model; room: Room; id: string }) {
  const rank = model.rank(id);
  const isMe = id === model.me?._id;
  const whom = { room_id: room._id, user_id: id };
  const { chat } = model;
  return (
    <li>
      {isMe ? <span dir="auto">{model.nameOf(id)} ({t('you')})</span> : (
        <a href={`#/dialog/${id}`} dir="auto">{model.nameOf(id)}</a>
      )}
      {rank > 0 && <span class="quiet">{t(rank === 2 ? 'admin' : 'moderator')}</span>}
      {!isMe && model.outranks(id) && (
        <span class="row">
          <button onClick={() => void model.attempt(chat.call('/room/kick', whom))}>{t('kick')}</button>
          <button
            onClick={() => void model.attempt(chat.call('/room/silence', { ...whom, finished: Date.now() + TEN_MINUTES }))}
          >
            {t('silence')}
          </button>
          <button onClick={() => void model.attempt(chat.call('/room/ban', whom))}>{t('ban')}</button>
        </span>
      )}
    </li>
  );
}
