import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Model } from './model.js';
import { t } from './words/index.js';

export const PAGE = 40;

/**
 * What is read, and read again after each deed: null until it is there, undefined where it is not to be had. `of` says
 * what it is, `extent` how much.
 */
export function useAnswer<T>(model: Model, of: string, read: () => Promise<T>, extent = 1): T | null | undefined {
  const [answer, setAnswer] = useState<{ of: string; found: T | undefined } | null>(null);
  useEffect(() => {
    let isOver = false;
    void model.attempt(read()).then((found) => {
      // What was there stays, if it cannot be read again for now.
      if (!isOver) setAnswer((before) => (found === undefined && before?.of === of ? before : { of, found }));
    });
    return () => {
      isOver = true;
    };
  }, [of, extent, model.revision]);
  return answer?.of === of ? answer.found : null;
}

/** What is shown while nothing was read. */
export function Waiting({ of }: { of: null | undefined }) {
  return of === null ? <p class="quiet loading">{t('loading')}</p> : <p class="quiet">{t('nothingHere')}</p>;
}

/** A number that grows while the page is seen, each so many milliseconds: the `extent` of what is to stay fresh. */
export function useLooks(every: number): number {
  const [looks, setLooks] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setLooks((before) => before + 1), every);
    return () => clearInterval(timer);
  }, []);
  return looks;
}

export interface Pages<T> {
  /** Null until they are there. */
  items: T[] | null;
  /** Reads another page; null where there is none. */
  more: (() => void) | null;
}

/** A list that is read page by page. */
export function usePages<T extends { _id: string }>(
  model: Model, of: string, read: (skip: number, limit: number) => Promise<T[]>,
): Pages<T> {
  const [asked, setAsked] = useState({ of, pages: 1 });
  const pages = asked.of === of ? asked.pages : 1;
  const found = useAnswer(model, of, async () => {
    const each = await Promise.all(Array.from({ length: pages }, (_, page) => read(page * PAGE, PAGE)));
    // What is new meanwhile moves the others on.
    return [...new Map(each.flat().map((item) => [item._id, item])).values()];
  }, pages);
  const items = found ?? null;
  const isAll = !items || items.length < pages * PAGE;
  return { items, more: isAll ? null : () => setAsked({ of, pages: pages + 1 }) };
}

/** A value, once it has stayed the same for a moment: what is typed is not looked up letter by letter. */
export function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), 300);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

interface Listed<T> {
  pages: Pages<T>;
  line(item: T): ComponentChildren;
  /** What is said where there is nothing. */
  nothing: string;
}

export function Listing<T extends { _id: string }>({ pages: { items, more }, line, nothing }: Listed<T>) {
  if (!items) return <p class="quiet loading">{t('loading')}</p>;
  if (!items.length) return <p class="quiet">{nothing}</p>;
  return (
    <>
      <ul class="list">{items.map((item) => <li key={item._id}>{line(item)}</li>)}</ul>
      {more && <button onClick={more}>{t('more')}</button>}
    </>
  );
}
