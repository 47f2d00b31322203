import { useState } from 'preact/hooks';
import { Field } from '../../shared/field.js';
import type { components } from '../../javascript/src/api.js';
import { Deeds } from './audit.js';
import { deleting, endingSessions, suspending, unsuspending } from './deeds.js';
import { Listing, useAnswer, usePages, useSettled, Waiting } from './listing.js';
import type { Model } from './model.js';
import { Facts, Picture, Stamp } from './parts.js';
import { t, time } from './words/index.js';

type Room = components['schemas']['RoomDocument'];
type User = components['schemas']['OperatorUserDocument'];

export function People({ model }: { model: Model }) {
  const { id } = model.route;
  return id ? <PersonPage key={id} model={model} id={id} /> : <Search model={model} />;
}

/** Those with this id, phone or id in the app, and those whose name begins so; everybody, the latest first, without. */
async function find(model: Model, text: string, skip: number, limit: number): Promise<User[]> {
  if (!text) return (await model.read('/server/users/list', { skip, limit })).users;
  const { users } = await model.read('/server/users/search', { name: text, skip, limit });
  if (skip) return users;
  const references = [
    ...(/^[0-9a-f]{24}$/i.test(text) ? [{ user: text }] : []),
    ...(/^\+?[\d\s()-]{5,}$/.test(text) ? [{ phone: text }] : []),
    { external_id: text },
  ];
  const exact = await Promise.all(references.map((reference) =>
    model.read('/server/users/get', reference).then(({ user }) => [user], () => [])));
  return [...exact.flat(), ...users];
}

function Search({ model }: { model: Model }) {
  const [text, setText] = useState('');
  const settled = useSettled(text.trim());
  const pages = usePages(model, settled, async (skip, limit) => {
    const users = await find(model, settled, skip, limit);
    model.learn(...users);
    return users;
  });
  return (
    <section class="stack">
      <h1 tabIndex={-1}>{t('people')}</h1>
      <form role="search" onSubmit={(event) => event.preventDefault()}>
        <Field label={t('findPerson')} type="search" value={text} onValue={setText} />
      </form>
      <Listing
        pages={pages} nothing={t('nobody')}
        line={(user) => (
          <>
            <a href={`#/people/${user._id}`}><bdi>{model.nameOf(user._id)}</bdi></a>
            <span class="quiet">
              {user.phone && <bdi>+{user.phone}</bdi>} {t('since', { time: time(user.created_at) })}
            </span>
            {user.suspension && <span class="mark">{t('suspendedShort')}</span>}
          </>
        )}
      />
    </section>
  );
}

function PersonPage({ model, id }: { model: Model; id: string }) {
  const found = useAnswer(model, id, async () => {
    const { user } = await model.read('/server/users/get', { user: id });
    model.learn(user);
    const room = user.room ? (await model.read('/server/rooms/show', { room: user.room, messages: 0 })).room : null;
    return { user, room };
  });
  const name = model.nameOf(id);
  return (
    <section class="stack">
      <a href="#/people">{t('people')}</a>
      <h1 tabIndex={-1}><bdi>{name}</bdi></h1>
      {!found ? <Waiting of={found} /> : (
        <>
          {found.user.photo && <Picture path={found.user.photo} />}
          <PersonFacts user={found.user} room={found.room} />
          <PersonDeeds model={model} user={found.user} name={name} />
        </>
      )}
      <h2>{t('audit')}</h2>
      <Deeds model={model} whom={id} />
    </section>
  );
}

function PersonFacts({ user, room }: { user: User; room: Room | null }) {
  const { suspension } = user;
  return (
    <Facts
      facts={[
        [t('suspension'), suspension && (
          <span class="mark">
            {suspension.until ? t('silencedUntil', { time: time(suspension.until) }) : t('for ever')}: {suspension.reason}
          </span>
        )],
        [t('phone'), user.phone && `+${user.phone}`],
        [t('externalId'), user.external_id],
        [t('location'), user.location],
        [t('balance'), user.balance],
        [t('inRoom'), room && <a href={`#/rooms/${room._id}`}><bdi>{room.name}</bdi></a>],
        [t('created'), <Stamp at={user.created_at} />],
        [t('id'), <code>{user._id}</code>],
      ]}
    />
  );
}

function PersonDeeds({ model, user, name }: { model: Model; user: User; name: string }) {
  const id = user._id;

  async function suspend(): Promise<void> {
    const reply = await model.ask({
      title: `${t('suspend')}: ${name}`,
      text: t('suspendSure', { name }),
      button: t('suspend'),
      reason: '',
      asksTerm: true,
    });
    if (reply) await model.carryOut(suspending(model, id, reply.term, reply.reason));
  }

  async function endSessions(): Promise<void> {
    const title = `${t('endSessions')}: ${name}`;
    const question = { title, text: t('sessionsSure', { name }), button: t('endSessions') };
    if (await model.ask(question)) await model.carryOut(endingSessions(model, id));
  }

  async function remove(): Promise<void> {
    const title = `${t('delete')}: ${name}`;
    const reply = await model.ask({ title, text: t('deleteSure', { name }), button: t('delete'), reason: '' });
    if (reply && (await model.carryOut(deleting(model, id, reply.reason)))) model.go('people');
  }

  return (
    <div class="row">
      {user.suspension ? (
        <button onClick={() => void model.carryOut(unsuspending(model, id))}>{t('unsuspend')}</button>
      ) : (
        <button onClick={() => void suspend()}>{t('suspend')}</button>
      )}
      <button onClick={() => void endSessions()}>{t('endSessions')}</button>
      {model.identity?.scopes.includes('users') && (
        <button class="danger" onClick={() => void remove()}>{t('delete')}</button>
      )}
    </div>
  );
}
