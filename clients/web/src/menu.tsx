import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Model } from './model.js';

/** What can be done, as a line of a menu. */
export interface Deed {
  label: string;
  act(): unknown;
  /** Whether it harms somebody. */
  isGrave?: boolean;
}

/** A menu, and the button that it belongs to. */
export interface MenuOf {
  anchor: HTMLElement;
  label: string;
  deeds: readonly Deed[];
}

interface ButtonProps {
  model: Model;
  label: string;
  deeds(): readonly Deed[];
  children: ComponentChildren;
  class?: string;
}

/** A button that opens a menu. There is one menu on the page, however many buttons. */
export function MenuButton({ model, label, deeds, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button" aria-haspopup="menu" {...rest}
      onClick={({ currentTarget }) => {
        model.menu = { anchor: currentTarget, label, deeds: deeds() };
        model.changed();
      }}
    >
      {children}
    </button>
  );
}

const MARGIN = 8;
const STEPS: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };

/** Puts a menu below its button, or above, where there is room. */
function place(menu: HTMLElement, anchor: HTMLElement): void {
  const { left, top, bottom } = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = bottom + height + MARGIN < innerHeight ? bottom : top - height;
  menu.style.left = `${Math.max(MARGIN, Math.min(left, innerWidth - width - MARGIN))}px`;
  menu.style.top = `${Math.max(MARGIN, Math.min(below, innerHeight - height - MARGIN))}px`;
}

/** The menu that is open. The browser closes it on Escape and on a click elsewhere. */
export function OpenMenu({ model, menu }: { model: Model; menu: MenuOf }) {
  const list = useRef<HTMLDivElement>(null);

  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    element.showPopover();
    menu.anchor.setAttribute('aria-expanded', 'true');
    place(element, menu.anchor);
    const again = (): void => place(element, menu.anchor);
    addEventListener('resize', again);
    element.querySelector<HTMLElement>('button')?.focus();
    return () => {
      removeEventListener('resize', again);
      menu.anchor.removeAttribute('aria-expanded');
    };
  }, [menu]);
  function close(): void {
    if (model.menu !== menu) return;
    model.menu = null;
    if (list.current?.contains(document.activeElement)) menu.anchor.focus();
    model.changed();
  }

  function move(event: KeyboardEvent): void {
    const buttons = [...(list.current?.querySelectorAll('button') ?? [])];
    const here = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const step = STEPS[event.key];
    if (event.key === 'Tab') return close();
    if (!step && event.key !== 'Home' && event.key !== 'End') return;
    event.preventDefault();
    const next = step ? here + step : event.key === 'Home' ? 0 : -1;
    buttons.at(next % buttons.length)?.focus();
  }

  return (
    <div
      ref={list} class="menu" role="menu" aria-label={menu.label} popover="auto" onKeyDown={move}
      onToggle={({ newState }) => newState === 'closed' && close()}
    >
      {menu.deeds.map(({ label, act, isGrave }) => (
        <button key={label} type="button" role="menuitem" class={isGrave ? 'grave' : ''} onClick={() => (close(), act())}>
          {label}
        </button>
      ))}
    </div>
  );
}
