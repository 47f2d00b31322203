import type { ComponentChildren } from 'preact';
import type { Model } from './model.js';
import { time } from './words/index.js';

/** A person, by what they are called. */
export function Person({ model, id }: { model: Model; id: string }) {
  return <a href={`#/people/${id}`}><bdi>{model.nameOf(id)}</bdi></a>;
}

export function Stamp({ at }: { at: string }) {
  return <time class="quiet" dateTime={at}>{time(at)}</time>;
}

/** What is known of something, by name; what is not known is left out. */
export function Facts({ facts }: { facts: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {facts.filter(([, value]) => value !== undefined && value !== null && value !== '').map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd dir="auto">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function isPicture(text: string): boolean {
  return /^uploads\/[0-9a-f]{32}\.(png|jpg|gif|webp)$/.test(text);
}

/** A picture of this daemon; of others, which the page may not load, the path. */
export function Picture({ path, isSmall = false }: { path: string; isSmall?: boolean }) {
  if (!isPicture(path)) return <code class="path">{path}</code>;
  return <img class={isSmall ? 'picture small' : 'picture'} src={path} alt={path} loading="lazy" />;
}
