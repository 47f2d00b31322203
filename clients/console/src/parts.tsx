import type { ComponentChildren } from 'preact';
import type { Model } from './model.js';
import { time } from './words/index.js';

/** A person, by what they are called as far as this page knows. */
export function Person({ model, id }: { model: Model; id: string }) {
  return <a href={`#/people/${id}`}><bdi>{model.nameOf(id)}</bdi></a>;
}

export function Stamp({ at }: { at: string }) {
  return <time class="quiet" dateTime={at}>{time(at)}</time>;
}

/** What is known of something, by name. Nothing is left out but what is undefined. */
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
