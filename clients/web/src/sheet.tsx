import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { OpenMenu } from './menu.js';
import type { Model } from './model.js';
import { t } from './words/index.js';

/** What covers the page until it is done or put away: the browser keeps the keyboard inside, and closes it on Escape. */
export function Sheet({ model, title, children }: { model: Model; title: string; children: ComponentChildren }) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>('h2')?.focus();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  return (
    <dialog
      ref={dialog} class="sheet" aria-labelledby={id} onClose={() => model.show(null)}
      onClick={({ target }) => (target === dialog.current || leads(target)) && dialog.current?.close()}
    >
      <div class="sheet-inside">
        <div class="row title">
          <h2 id={id} tabIndex={-1} dir="auto">{title}</h2>
          <button type="button" class="plain" aria-label={t('close')} onClick={() => dialog.current?.close()}>✕</button>
        </div>
        <Notice model={model} />
        {children}
      </div>
      {model.menu && <OpenMenu model={model} menu={model.menu} />}
    </dialog>
  );
}

/** Whether a click leads to another place of the page, or to the one that the sheet covers. */
function leads(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('a[href^="#"]') !== null;
}

/** What happened last, until something else does or it is put away. */
export function Notice({ model }: { model: Model }) {
  const { text, isWrong } = model.notice;
  return (
    <div class={`notice ${isWrong ? 'wrong' : ''} ${text ? '' : 'empty-notice'}`}>
      <span role="status" dir="auto">{text}</span>
      {text && <button type="button" class="plain" aria-label={t('close')} onClick={() => model.say('')}>✕</button>}
    </div>
  );
}

/** Asks before something is done that cannot be undone. */
export function confirm(model: Model, what: { title: string; text: string; label: string; act(): unknown }): void {
  model.show(() => (
    <Sheet model={model} title={what.title}>
      <p dir="auto">{what.text}</p>
      <div class="row">
        <button class="grave" onClick={() => (model.show(null), what.act())}>{what.label}</button>
        <button onClick={() => model.show(null)}>{t('cancel')}</button>
      </div>
    </Sheet>
  ));
}
