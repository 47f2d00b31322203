import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Unsent } from '../../javascript/src/index.js';
import { explainedCode, type Model } from './model.js';
import { t, time } from './words/index.js';

/** How near to the end, in pixels, a reader follows what is new. */
const NEAR = 80;

/** A conversation that follows its end, and stays where it is while older messages come. */
export function Messages(props: { first: string; older(): Promise<void>; isComplete: boolean; children: ComponentChildren }) {
  const place = useRef<HTMLDivElement>(null);
  const seen = useRef({ first: '', fromEnd: 0, isAtEnd: true });

  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return;
    const { first, fromEnd, isAtEnd } = seen.current;
    if (isAtEnd) element.scrollTop = element.scrollHeight;
    else if (first !== props.first) element.scrollTop = element.scrollHeight - fromEnd;
    remember();
  });

  function remember(): void {
    const element = place.current;
    if (!element) return;
    const fromEnd = element.scrollHeight - element.scrollTop;
    seen.current = { first: props.first, fromEnd, isAtEnd: fromEnd - element.clientHeight < NEAR };
  }

  return (
    <div class="messages" ref={place} onScroll={remember} tabIndex={0} role="log" aria-live="polite" aria-label={t('history')}>
      {!props.isComplete && props.first && <button onClick={() => void props.older()}>{t('older')}</button>}
      <ol>{props.children}</ol>
    </div>
  );
}

/** A text with its links; a text that is the path of a picture is the picture. */
export function Text({ text, author }: { text: string; author: string }) {
  if (/^uploads\/[0-9a-f]{32}\.(png|jpg|gif|webp)$/.test(text)) {
    return <img src={`/${text}`} alt={t('pictureOf', { user: author })} loading="lazy" />;
  }
  const parts = text.split(/(https?:\/\/[^\s<>"']+[^\s<>"'.,:;!?)\]])/);
  return (
    <p dir="auto" class="text">
      {parts.map((part, place) =>
        place % 2 ? <a href={part} rel="noopener nofollow" target="_blank">{part}</a> : part,
      )}
    </p>
  );
}

export function Stamp({ written }: { written: string }) {
  return <time class="quiet" dateTime={written}>{time(written)}</time>;
}

/** What is not sent yet, or was refused. */
export function UnsentLine({ model, unsent }: { model: Model; unsent: Unsent }) {
  const { failure, client_id } = unsent;
  return (
    <li class="message own">
      <Text text={unsent.text} author={t('you')} />
      {!failure ? <span class="quiet">{t('unsent')}</span> : (
        <span class="row">
          <span class="wrong">{t('unsentFailed', { why: explainedCode(failure.code, failure.detail) })}</span>
          <button onClick={() => model.chat.retry(client_id)}>{t('retry')}</button>
          <button onClick={() => model.chat.discard(client_id)}>{t('discard')}</button>
        </span>
      )}
    </li>
  );
}
