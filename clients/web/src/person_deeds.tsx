import type { Path } from '../../javascript/src/index.js';
import { sendGift } from './gifts.js';
import type { Deed } from './menu.js';
import type { Model } from './model.js';
import { showProfile } from './profile.js';
import { report } from './report.js';
import { confirm } from './sheet.js';
import { silence } from './silence.js';
import { t } from './words/index.js';

type AboutPerson = Extract<
  Path, '/room/kick' | '/room/ban' | '/room/unban' | '/room/add-moderator' | '/room/remove-moderator'
>;

/** What the user can do with a person: in the room that is shown, what the ranks allow. */
export function personDeeds(model: Model, id: string): Deed[] {
  if (id === model.me?._id) return [{ label: t('me'), act: () => model.go('me') }];
  const isBlocked = model.chat.blocks.has(id);
  return [
    { label: t('profile'), act: () => showProfile(model, id) },
    { label: t('write'), act: () => model.go('dialog', '', id) },
    { label: t('give'), act: () => sendGift(model, id) },
    ...roomDeeds(model, id),
    { label: t('report'), act: () => report(model, { user: id }), isGrave: true },
    { label: t(isBlocked ? 'unblock' : 'block'), act: () => model.block(id, !isBlocked), isGrave: !isBlocked },
  ];
}

function roomDeeds(model: Model, id: string): Deed[] {
  const { room } = model;
  if (!room || !model.outranks(id)) return [];
  const name = model.nameOf(id);
  const call = async (path: AboutPerson): Promise<void> => {
    await model.attempt(model.chat.call(path, { room_id: room._id, user_id: id }));
    model.refreshRoom();
  };
  const isBanned = room.banned?.includes(id);
  const ban = (): void =>
    confirm(model, { title: t('ban'), text: t('banAsked', { user: name }), label: t('ban'), act: () => call('/room/ban') });
  const deeds: Deed[] = [];
  if (model.ownRank === 2 && !isBanned) {
    deeds.push(model.rank(id) === 1
      ? { label: t('removeModerator'), act: () => call('/room/remove-moderator') }
      : { label: t('addModerator'), act: () => call('/room/add-moderator') });
  }
  deeds.push(isSilenced(model, id)
    ? { label: t('unsilence'), act: () => endSilence(model, id) }
    : { label: t('silence'), act: () => silence(model, id), isGrave: true });
  if (room.users.includes(id)) deeds.push({ label: t('kick'), act: () => call('/room/kick'), isGrave: true });
  deeds.push(isBanned
    ? { label: t('unban'), act: () => call('/room/unban') }
    : { label: t('ban'), act: ban, isGrave: true });
  return deeds;
}

export function isSilenced({ room }: Model, id: string): boolean {
  return (room?.silently?.[id] ?? 0) > Date.now();
}

export async function endSilence(model: Model, id: string): Promise<void> {
  if (!model.room) return;
  await model.attempt(model.chat.call('/room/silence', { room_id: model.room._id, user_id: id, finished: 0 }));
  model.refreshRoom();
}
