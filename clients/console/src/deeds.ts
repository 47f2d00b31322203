import { type Deed, type Model, type Term, TERMS } from './model.js';
import { t, time } from './words/index.js';

/** The deeds that more than one section has. `name` is what a person is called. */

export function end(term: Term): string | null {
  return TERMS[term] ? new Date(Date.now() + TERMS[term]).toISOString() : null;
}

export function suspending(model: Model, user: string, term: Term, reason: string): Deed {
  const name = model.nameOf(user);
  const until = end(term);
  return {
    call: () => model.call('/server/users/suspend', { user, reason, ...(until ? { until } : {}) }),
    done: until ? t('suspendedUntil', { name, time: time(until) }) : t('suspended', { name }),
    undo: unsuspending(model, user),
  };
}

export function unsuspending(model: Model, user: string): Deed {
  return {
    call: () => model.call('/server/users/unsuspend', { user }),
    done: t('unsuspended', { name: model.nameOf(user) }),
  };
}

export function dropping(model: Model, message: string): Deed {
  return { call: () => model.call('/server/messages/remove', { message }), done: t('dropped') };
}

export function kicking(model: Model, user: string, room: string): Deed {
  return {
    call: () => model.call('/server/rooms/kick', { room_id: room, user_id: user }),
    done: t('kicked', { name: model.nameOf(user) }),
  };
}

export function removingRoom(model: Model, room: string, name: string): Deed {
  return { call: () => model.call('/server/rooms/remove', { room: { id: room } }), done: t('roomRemoved', { name }) };
}
