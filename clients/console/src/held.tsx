import { useState } from 'preact/hooks';
import { Listing, usePages } from './listing.js';
import type { Model } from './model.js';
import { Person, Stamp } from './parts.js';
import { t } from './words/index.js';

/** Messages that wait because of their words. */
export function Held({ model }: { model: Model }) {
  // They are listed until a daemon has carried out what was decided, within a second.
  const [decided, setDecided] = useState<string[]>([]);
  const { items, more } = usePages(model, 'held', async (skip, limit) =>
    (await model.read('/server/held/list', { skip, limit })).messages);
  const waiting = items?.filter(({ _id }) => !decided.includes(_id)) ?? null;

  async function decide(message: string, path: `/server/held/${'release' | 'drop'}`, done: string): Promise<void> {
    const isDone = await model.carryOut({ call: () => model.call(path, { message }), done });
    if (isDone) setDecided((before) => [...before, message]);
  }

  function release(message: string): void {
    void decide(message, '/server/held/release', t('heldReleased'));
  }

  async function drop(message: string): Promise<void> {
    if (!(await model.ask({ title: t('drop'), text: t('dropSure'), button: t('drop') }))) return;
    await decide(message, '/server/held/drop', t('heldDropped'));
  }

  return (
    <section class="stack">
      <h1 tabIndex={-1}>{t('held')}</h1>
      <p class="quiet">{t('heldHint')}</p>
      <Listing
        pages={{ items: waiting, more }} nothing={t('noHeld')}
        line={({ _id, author, room, user, text, created_at }) => (
          <div class="stack grow">
            <span class="row">
              <Person model={model} id={author} /> <Stamp at={created_at} />
              {room ? <a href={`#/rooms/${room}`}>{t('room')}</a> : <span class="quiet">{t('direct')}</span>}
              {!room && user && <Person model={model} id={user} />}
            </span>
            <p dir="auto" class="text">{text}</p>
            <span class="row">
              <button onClick={() => release(_id)}>{t('release')}</button>
              <button onClick={() => void drop(_id)}>{t('drop')}</button>
            </span>
          </div>
        )}
      />
    </section>
  );
}
