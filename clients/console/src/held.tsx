import { Listing, usePages } from './listing.js';
import type { Model } from './model.js';
import { Person, Stamp } from './parts.js';
import { t } from './words/index.js';

/** Messages that wait because of their words. */
export function Held({ model }: { model: Model }) {
  const pages = usePages(model, 'held', async (skip, limit) => (await model.read('/server/held/list', { skip, limit })).messages);

  function release(message: string): void {
    void model.carryOut({ call: () => model.call('/server/held/release', { message }), done: t('heldReleased') });
  }

  async function drop(message: string): Promise<void> {
    if (!(await model.ask({ title: t('drop'), text: t('dropSure'), button: t('drop') }))) return;
    await model.carryOut({ call: () => model.call('/server/held/drop', { message }), done: t('heldDropped') });
  }

  return (
    <section class="stack">
      <h1 tabIndex={-1}>{t('held')}</h1>
      <p class="quiet">{t('heldHint')}</p>
      <Listing
        pages={pages} nothing={t('noHeld')}
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
