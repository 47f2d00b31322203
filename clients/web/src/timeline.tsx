import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { t } from './words/index.js';

/** How near to the end, in pixels, a reader follows what is new. */
const NEAR = 80;
/** How near to the first or last drawn line, in pixels, more are drawn. */
const EDGE = 600;
/** Lines that are drawn: at the end, more at an edge, and at most. */
const WINDOW = 100;
const STEP = 50;
const MOST = 200;

interface Place {
  /** The keys of the first and last drawn lines. */
  first: string;
  last: string;
  /** Whether the reader follows the end. */
  isAtEnd: boolean;
  /** The line at the upper edge of what is seen, and how far below that edge it begins, in pixels. */
  anchor: string;
  offset: number;
  scrolled: number;
  /** The last line when the reader left the end. */
  seen: string;
}

interface Props<T> {
  items: readonly T[];
  keyOf(item: T): string;
  /** One `li`, with its key. */
  draw(item: T, before: T | undefined): VNode;
  /** Whether the first item is the conversation's first. */
  isComplete: boolean;
  older(): Promise<unknown>;
  /** What comes after the last item. */
  children: ComponentChildren;
}

/**
 * A conversation. It draws a window of its lines, follows the end, and where the reader is elsewhere, what is read
 * stays where it is, whatever comes above, below, or is drawn no more.
 */
export function Timeline<T>({ items, keyOf, draw, isComplete, older, children }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const place = useRef<Place>({ first: '', last: '', isAtEnd: true, anchor: '', offset: 0, scrolled: 0, seen: '' });
  const [, redraw] = useState(0);
  const [isLoading, setLoading] = useState(false);
  const indexOf = (key: string): number => items.findIndex((item) => keyOf(item) === key);

  const at = place.current;
  let start = Math.max(0, indexOf(at.first));
  let end = indexOf(at.last) + 1;
  if (at.isAtEnd || !end) {
    at.isAtEnd = true;
    end = items.length;
    // Nobody sees the first lines go, unless the screen is very high.
    start = Math.max(0, end - start > MOST || !at.first ? end - WINDOW : start);
  }
  const shown = items.slice(start, end);
  at.first = shown[0] ? keyOf(shown[0]) : '';
  at.last = shown.length ? keyOf(shown[shown.length - 1] as T) : '';
  const isWhole = end === items.length;
  const later = at.isAtEnd ? 0 : items.length - 1 - indexOf(at.seen);

  /** Scrolls to where the reader is. */
  function settle(): void {
    const element = box.current;
    if (!element) return;
    if (at.isAtEnd) element.scrollTop = element.scrollHeight;
    else {
      const line = list.current?.children[indexOf(at.anchor) - start] as HTMLElement | undefined;
      if (line) element.scrollTop = line.offsetTop - at.offset;
    }
    at.scrolled = element.scrollTop;
  }

  /** Remembers where the reader is, and draws more at an edge. */
  function look(): void {
    const element = box.current;
    if (!element) return;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    const isNear = below < NEAR && isWhole;
    // What grows below, such as a picture, is no scrolling: only who scrolls up leaves the end.
    const wasAtEnd = at.isAtEnd;
    at.isAtEnd = isNear || (wasAtEnd && element.scrollTop >= at.scrolled);
    at.scrolled = element.scrollTop;
    if (wasAtEnd && !at.isAtEnd) at.seen = at.last;
    const lines = [...(list.current?.children ?? [])] as HTMLElement[];
    const line = lines.findIndex(({ offsetTop, offsetHeight }) => offsetTop + offsetHeight > element.scrollTop);
    const item = shown[line];
    if (item) Object.assign(at, { anchor: keyOf(item), offset: (lines[line] as HTMLElement).offsetTop - element.scrollTop });
    if (wasAtEnd !== at.isAtEnd) redraw((count) => count + 1);
    if (at.isAtEnd && !wasAtEnd) return;
    if (element.scrollTop < EDGE && start > 0) grow(Math.max(0, start - STEP), end);
    else if (below < EDGE && !isWhole) grow(start, Math.min(items.length, end + STEP));
    else if (element.scrollTop < EDGE && !isComplete && !at.isAtEnd) void load();
  }

  function grow(from: number, to: number): void {
    const isUp = from < start;
    if (to - from > MOST) isUp ? (to = from + MOST) : (from = to - MOST);
    at.first = keyOf(items[from] as T);
    at.last = keyOf(items[to - 1] as T);
    redraw((count) => count + 1);
  }

  async function load(): Promise<void> {
    if (isLoading) return;
    setLoading(true);
    await older().finally(() => setLoading(false));
  }

  function toEnd(): void {
    Object.assign(at, { isAtEnd: true, first: '', last: '' });
    redraw((count) => count + 1);
  }

  const settled = useRef(settle);
  settled.current = settle;
  useLayoutEffect(settle);
  useEffect(() => {
    const watch = new ResizeObserver(() => settled.current());
    for (const element of [box.current, list.current]) if (element) watch.observe(element);
    return () => watch.disconnect();
  }, []);

  return (
    <div class="timeline">
      <div
        class="messages" ref={box} onScroll={look} tabIndex={0} role="log" aria-label={t('history')}
        aria-live={at.isAtEnd ? 'polite' : 'off'} aria-busy={isLoading}
      >
        {!isComplete && start === 0 && items.length > 0 && (
          <button type="button" class="plain" disabled={isLoading} onClick={() => void load()}>{t('older')}</button>
        )}
        <ol ref={list}>
          {shown.map((item, index) => draw(item, items[start + index - 1]))}
          {isWhole && children}
        </ol>
      </div>
      {!at.isAtEnd && (
        <button type="button" class="to-end" onClick={toEnd}>
          {later > 0 ? t('laterNew', { count: later }) : t('later')}
        </button>
      )}
    </div>
  );
}
