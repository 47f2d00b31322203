import { useState } from 'preact/hooks';
import { Field } from '../../shared/field.js';
import type { components } from '../../javascript/src/api.js';
import { Listing, usePages } from './listing.js';
import type { Model } from './model.js';
import { Picture } from './parts.js';
import { t } from './words/index.js';

type Gift = components['schemas']['GiftDocument'];

export function Gifts({ model }: { model: Model }) {
  const [edited, setEdited] = useState<Gift | null>(null);
  const pages = usePages(model, 'gifts', async (skip, limit) =>
    (await model.read('/server/gifts/list', { skip, limit })).gifts);

  async function withdraw({ _id, name }: Gift): Promise<void> {
    const question = { title: `${t('withdraw')}: ${name}`, text: t('withdrawSure', { name }), button: t('withdraw') };
    if (!(await model.ask(question))) return;
    await model.carryOut({
      call: () => model.call('/server/gifts/remove', { gift: _id }), done: t('giftWithdrawn', { name }),
    });
  }

  return (
    <section class="stack">
      <h1 tabIndex={-1}>{t('gifts')}</h1>
      <GiftForm key={edited?._id ?? 'new'} model={model} gift={edited} onDone={() => setEdited(null)} />
      <Listing
        pages={pages} nothing={t('noGifts')}
        line={(gift) => (
          <>
            <Picture path={gift.image} isSmall />
            <span class="grow">
              <bdi>{gift.name}</bdi> <span class="quiet">{t('coins', { coins: gift.price })}</span>
            </span>
            <button onClick={() => setEdited(gift)}>{t('edit')}</button>
            <button onClick={() => void withdraw(gift)}>{t('withdraw')}</button>
          </>
        )}
      />
    </section>
  );
}

/** Adds a gift, or changes one. */
function GiftForm({ model, gift, onDone }: { model: Model; gift: Gift | null; onDone(): void }) {
  const [name, setName] = useState(gift?.name ?? '');
  const [price, setPrice] = useState(gift ? String(gift.price) : '');
  const [image, setImage] = useState(gift?.image ?? '');

  async function save(event: Event): Promise<void> {
    event.preventDefault();
    const body = { name, price: Number(price), image };
    const done = await model.carryOut(gift
      ? { call: () => model.call('/server/gifts/edit', { gift: gift._id, ...body }), done: t('giftEdited', { name }) }
      : { call: () => model.call('/server/gifts/add', body), done: t('giftAdded', { name }) });
    if (!done) return;
    setName('');
    setPrice('');
    setImage('');
    onDone();
  }

  return (
    <form class="card" onSubmit={(event) => void save(event)}>
      <h2 dir="auto">{gift ? t('editGift', { name: gift.name }) : t('newGift')}</h2>
      <div class="fields">
        <Field label={t('giftName')} required maxLength={64} value={name} onValue={setName} />
        <Field label={t('price')} type="number" min={1} required value={price} onValue={setPrice} />
        <Field label={t('image')} required value={image} onValue={setImage} />
      </div>
      <div class="row">
        <button class="main">{t(gift ? 'edit' : 'add')}</button>
        {gift && <button type="button" onClick={onDone}>{t('cancel')}</button>}
      </div>
    </form>
  );
}
