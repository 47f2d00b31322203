import { useEffect, useState } from 'preact/hooks';
import type { Message, Room, Unsent } from '../../javascript/src/index.js';
import { Field } from '../../shared/field.js';
import { Form } from '../../shared/form.js';
import { Composer } from './composer.js';
import { type Deed, MenuButton } from './menu.js';
import { inShort, UnsentLine } from './message_parts.js';
import type { Model } from './model.js';
import { People, showPeople } from './people.js';
import { report } from './report.js';
import { RoomLine } from './room_line.js';
import { showBarred, showSettings } from './room_settings.js';
import { confirm } from './sheet.js';
import { Timeline } from './timeline.js';
import { span, t } from './words/index.js';

export function RoomPage({ model, id }: { model: Model; id: string }) {
  const [quoted, setQuoted] = useState<Message | null>(null);
  const { room, chat } = model;

  // What is not shown is not kept.
  useEffect(() => () => chat.release(chat.room(id)), []);

  if (model.asksPassword) return <Password model={model} id={id} />;
  if (!room) return <p class="quiet">{t('opening')}</p>;
  const history = chat.room(id);
  const unsent = chat.unsent.filter((item): item is Unsent & { room: string } => 'room' in item && item.room === id);

  function send(text: string): void {
    model.send({ room: id, text, ...(quoted ? { ref_message: quoted._id } : {}) });
    setQuoted(null);
  }

  return (
    <section class="talk with-people">
      <Head model={model} room={room} />
      <Timeline
        items={history.messages.filter((message) => message.type || !model.isHidden(message))}
        keyOf={({ _id }) => _id}
        draw={(message, before) => (
          <RoomLine key={message._id} model={model} message={message} before={before} onReply={setQuoted} />
        )}
        isComplete={history.isComplete} older={() => model.attempt(history.older())}
      >
        {unsent.map((item) => <UnsentLine key={item.client_id} model={model} unsent={item} />)}
      </Timeline>
      <aside aria-label={t('people', { count: room.users_count })}>
        <h2>{t('people', { count: room.users_count })}</h2>
        <People model={model} room={room} />
      </aside>
      <div class="write">
        {quoted && (
          <p class="row quoted">
            <span class="cut" dir="auto">{t('replyTo', { user: model.nameOf(quoted.author), text: inShort(quoted.text) })}</span>
            <button type="button" onClick={() => setQuoted(null)}>{t('cancel')}</button>
          </p>
        )}
        {room.slow_mode > 0 && model.ownRank === 0 && (
          <p class="quiet">{t('slowModeHint', { time: span(room.slow_mode) })}</p>
        )}
        <Composer model={model} onText={send} />
      </div>
    </section>
  );
}

function Head({ model, room }: { model: Model; room: Room }) {
  return (
    <div class="head">
      <h1 tabIndex={-1} dir="auto">{room.name}</h1>
      <button class="narrow-only" onClick={() => showPeople(model)}>{t('people', { count: room.users_count })}</button>
      <button class="wide-only" onClick={() => void model.leave()}>{t('leave')}</button>
      <MenuButton model={model} class="dots" label={t('roomMenu')} deeds={() => roomDeeds(model, room)}>
        <span aria-hidden="true">⋯</span><span class="hidden">{t('roomMenu')}</span>
      </MenuButton>
    </div>
  );
}

function roomDeeds(model: Model, room: Room): Deed[] {
  const remove = async (): Promise<void> => {
    model.room = null; // before the event, which would say that somebody put us out
    const removed = await model.attempt(model.chat.call('/room/remove', { room: { id: room._id } }));
    if (removed) model.go('rooms', t('roomRemoved'));
    else void model.enter(room._id);
  };
  const text = t('removeRoomAsked', { room: room.name });
  return [
    { label: t('leave'), act: () => model.leave() },
    ...(model.ownRank > 0 ? [{ label: t('settings'), act: () => showSettings(model) }] : []),
    ...(model.ownRank > 0 ? [{ label: t('barred'), act: () => showBarred(model) }] : []),
    ...(model.ownRank === 2
      ? [{
          label: t('removeRoom'), isGrave: true,
          act: () => confirm(model, { title: t('removeRoom'), text, label: t('removeRoom'), act: remove }),
        }]
      : [{ label: t('report'), isGrave: true, act: () => report(model, { room: room._id }) }]),
  ];
}

function Password({ model, id }: { model: Model; id: string }) {
  const [password, setPassword] = useState('');
  return (
    <Form class="card form welcome" onSubmit={() => model.enter(id, password)}>
      <h1 tabIndex={-1}>{t('passwordOf')}</h1>
      <Field label={t('password')} type="password" autoComplete="off" required value={password} onValue={setPassword} />
      <button class="main">{t('enter')}</button>
    </Form>
  );
}
