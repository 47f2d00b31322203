import { type Deed, type Model, type Term, TERMS } from './model.js';
import { t, time } from './words/index.js';

/** When a silence for good ends: in the year 2100. */
const NEVER = 4_102_444_800_000;

function end(term: Term): number | null {
  return TERMS[term] ? Date.now() + TERMS[term] : null;
}

function written(until: number): string {
  return time(new Date(until).toISOString());
}

export function suspending(model: Model, user: string, term: Term, reason: string): Deed {
  const name = model.nameOf(user);
  const until = end(term);
  return {
    call: () => model.call('/server/users/suspend', { user, reason, ...(until ? { until } : {}) }),
    done: until ? t('suspendedUntil', { name, time: written(until) }) : t('suspended', { name }),
    undo: unsuspending(model, user),
  };
}

export function unsuspending(model: Model, user: string): Deed {
  return {
    call: () => model.call('/server/users/unsuspend', { user }),
    done: t('unsuspended', { name: model.nameOf(user) }),
  };
}

export function endingSessions(model: Model, user: string): Deed {
  return {
    call: () => model.call('/server/users/end-sessions', { user }),
    done: t('sessionsEnded', { name: model.nameOf(user) }),
  };
}

export function deleting(model: Model, user: string, reason: string): Deed {
  return {
    call: () => model.call('/server/users/delete', { user, reason }),
    done: t('deleted', { name: model.nameOf(user) }),
  };
}

export function dropping(model: Model, message: string): Deed {
  return {
    call: async () => {
      await model.call('/server/messages/remove', { message });
      model.dropped.add(message);
    },
    done: t('dropped'),
  };
}

/** `message` is the reason of what is done about somebody in a room, if there is one. */
function about(message: string | undefined): { ref_message?: string } {
  return message ? { ref_message: message } : {};
}

export function silencing(model: Model, user: string, room: string, term: Term, message?: string): Deed {
  const name = model.nameOf(user);
  const finished = end(term) ?? NEVER;
  return {
    call: () => model.call('/server/rooms/silence', { room_id: room, user, finished, ...about(message) }),
    done: t('silenced', { name, time: written(finished) }),
    undo: unsilencing(model, user, room),
  };
}

export function unsilencing(model: Model, user: string, room: string): Deed {
  return {
    call: () => model.call('/server/rooms/silence', { room_id: room, user, finished: 0 }),
    done: t('unsilenced', { name: model.nameOf(user) }),
  };
}

export function banning(model: Model, user: string, room: string, message?: string): Deed {
  return {
    call: () => model.call('/server/rooms/ban', { room_id: room, user, ...about(message) }),
    done: t('banned', { name: model.nameOf(user) }),
    undo: unbanning(model, user, room),
  };
}

export function unbanning(model: Model, user: string, room: string): Deed {
  return {
    call: () => model.call('/server/rooms/unban', { room_id: room, user }),
    done: t('unbanned', { name: model.nameOf(user) }),
  };
}

export function kicking(model: Model, user: string, room: string): Deed {
  return {
    call: () => model.call('/server/rooms/kick', { room_id: room, user }),
    done: t('kicked', { name: model.nameOf(user) }),
  };
}

export function removingRoom(model: Model, room: string, name: string): Deed {
  return { call: () => model.call('/server/rooms/remove', { room: { id: room } }), done: t('roomRemoved', { name }) };
}

export function closing(model: Model, complaint: string, note: string): Deed {
  return {
    call: () => model.call('/server/complaints/close', { complaint, note }),
    done: t('closedNow'),
    undo: reopening(model, complaint),
  };
}

export function reopening(model: Model, complaint: string): Deed {
  return {
    call: async () => {
      await model.call('/server/complaints/reopen', { complaint });
      model.showsClosed = false;
      model.go('complaints', complaint);
    },
    done: t('reopened'),
  };
}
