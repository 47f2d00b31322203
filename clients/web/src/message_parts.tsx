import type { Unsent } from '../../javascript/src/index.js';
import { uploaded } from './avatar.js';
import { explainedCode } from './explained.js';
import type { Model } from './model.js';
import { t, time } from './words/index.js';

const LINK = /(https?:\/\/[^\s<>"']+[^\s<>"'.,:;!?)\]])/;

/** A text with its links; a text that is the path of a picture is the picture. */
export function Text({ text, author }: { text: string; author: string }) {
  const picture = uploaded(text);
  if (picture) {
    return (
      <a href={picture} target="_blank" rel="noopener">
        <img class="sent" src={picture} alt={t('pictureOf', { user: author })} loading="lazy" />
      </a>
    );
  }
  return (
    <p dir="auto" class="text">
      {text.split(LINK).map((part, place) =>
        place % 2 ? <a href={part} rel="noopener nofollow" target="_blank">{part}</a> : part,
      )}
    </p>
  );
}

/** The words that stand for a text in a list, where a picture is none. */
export function inShort(text: string | null): string {
  if (text === null) return t('gone');
  return uploaded(text) ? t('pictureShort') : text.slice(0, 200);
}

export function Stamp({ written }: { written: string }) {
  return <time class="quiet stamp" dateTime={written}>{time(written)}</time>;
}

/** The day, before the first of its messages. */
export function Day({ written, before }: { written: string; before: string | undefined }) {
  const day = new Date(written).toDateString();
  if (before && new Date(before).toDateString() === day) return null;
  return <span class="day"><span>{new Date(written).toLocaleDateString(document.documentElement.lang, { dateStyle: 'long' })}</span></span>;
}

/** What is not sent yet, or was refused. */
export function UnsentLine({ model, unsent }: { model: Model; unsent: Unsent }) {
  const { failure, client_id } = unsent;
  return (
    <li class={`message own unsent ${failure ? 'failed' : ''}`}>
      <div class="bubble">
        <Text text={unsent.text} author={t('you')} />
        {!failure ? <span class="quiet">{t('unsent')}</span> : (
          <span class="row">
            <span class="wrong">{t('unsentFailed', { why: explainedCode(failure.code, failure.detail) })}</span>
            <button type="button" onClick={() => model.chat.retry(client_id)}>{t('retry')}</button>
            <button type="button" onClick={() => model.chat.discard(client_id)}>{t('discard')}</button>
          </span>
        )}
      </div>
    </li>
  );
}
