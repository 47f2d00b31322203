import { useEffect, useId, useState } from 'preact/hooks';
import type { Gift, SendedGift } from '../../javascript/src/index.js';
import { Field } from '../../shared/field.js';
import { Form } from '../../shared/form.js';
import { uploaded } from './avatar.js';
import type { Model } from './model.js';
import { Sheet } from './sheet.js';
import { day, t } from './words/index.js';

const PAGE = 24;

/** Asks which gift a person gets. */
export function sendGift(model: Model, user: string): void {
  model.show(() => <GiftShop model={model} user={user} />);
}

function GiftShop({ model, user }: { model: Model; user: string }) {
  const id = useId();
  const [gifts, setGifts] = useState<Gift[] | null>(null);
  const [chosen, setChosen] = useState<Gift | null>(null);
  const [text, setText] = useState('');
  const name = model.nameOf(user);
  const balance = model.me?.balance ?? 0;

  useEffect(() => {
    void model.refreshMe();
    void model.attempt(model.chat.call('/gifts', {})).then((found) => found && setGifts(found.gifts));
  }, []);

  async function send(): Promise<void> {
    if (!chosen) return;
    const sent = await model.attempt(model.chat.call('/gifts/send', { gift: chosen._id, user, text }));
    await model.refreshMe();
    if (!sent) return;
    model.show(null);
    model.say(t('given', { gift: chosen.name, user: name }));
  }

  return (
    <Sheet model={model} title={t('giveTo', { user: name })}>
      <Form class="form" onSubmit={send}>
        <p>{t('balance', { coins: balance })}</p>
        {gifts?.length === 0 && <p>{t('noGifts')}</p>}
        <fieldset class="gifts">
          <legend class="hidden">{t('gift')}</legend>
          {gifts?.map((gift) => (
            <label key={gift._id} class="gift">
              <input
                type="radio" name={id} class="hidden" checked={gift === chosen} disabled={gift.price > balance}
                onChange={() => setChosen(gift)}
              />
              <GiftPicture gift={gift} />
              <span dir="auto">{gift.name}</span>
              <span class="quiet">{t('coins', { coins: gift.price })}</span>
            </label>
          ))}
        </fieldset>
        <Field label={t('giftText')} maxLength={4096} value={text} onValue={setText} />
        <button class="main" disabled={!chosen}>{t('give')}</button>
      </Form>
    </Sheet>
  );
}

function GiftPicture({ gift }: { gift: Pick<Gift, 'image'> }) {
  const picture = uploaded(gift.image);
  return picture ? <img src={picture} alt="" loading="lazy" /> : <span class="no-picture" aria-hidden="true">★</span>;
}

/** The gifts that a person has, latest first. */
export function ReceivedGifts({ model, user, count }: { model: Model; user: string; count: number }) {
  const [gifts, setGifts] = useState<SendedGift[]>([]);

  async function load(skip: number): Promise<void> {
    const found = await model.attempt(model.chat.call('/user/gifts', { user, skip, limit: PAGE }));
    if (found) setGifts(skip ? [...gifts, ...found.gifts] : found.gifts);
  }

  useEffect(() => void (count && load(0)), [count]);

  if (!count) return null;
  return (
    <section>
      <h3>{t('giftsOf', { count })}</h3>
      <ul class="gifts">
        {gifts.map((gift) => (
          <li key={gift._id} class="gift">
            <GiftPicture gift={gift} />
            <span dir="auto">{gift.name}</span>
            <span class="quiet" dir="auto">{t('giftFrom', { user: model.nameOf(gift.author), day: day(gift.created_at) })}</span>
            {gift.text && <q dir="auto">{gift.text}</q>}
          </li>
        ))}
      </ul>
      {gifts.length > 0 && gifts.length < count && (
        <button class="plain" onClick={() => void load(gifts.length)}>{t('more')}</button>
      )}
    </section>
  );
}
