import { Listing, usePages } from './listing.js';
import type { Model, Section } from './model.js';
import { Person, Stamp } from './parts.js';
import { known, t } from './words/index.js';

export function Audit({ model }: { model: Model }) {
  return (
    <section class="stack">
      <h1 tabIndex={-1}>{t('audit')}</h1>
      <Deeds model={model} />
    </section>
  );
}

/** What was done, the latest first; to one thing or person alone where `whom` is given. */
export function Deeds({ model, whom }: { model: Model; whom?: string }) {
  const pages = usePages(model, `audit ${whom}`, async (skip, limit) =>
    (await model.read('/server/audit/list', { ...(whom ? { whom } : {}), skip, limit })).audit);
  return (
    <Listing
      pages={pages} nothing={t('noLines')}
      line={(line) => {
        const word = known(`deed ${line.deed}`);
        return (
          <>
            <Stamp at={line.when} />
            <span class="grow">
              <bdi>{line.who}</bdi>: <strong>{word ? t(word) : line.deed}</strong>{' '}
              {line.whom && line.whom !== whom && <Whom model={model} deed={line.deed} id={line.whom} />}{' '}
              <span class="quiet" dir="auto">{line.why}</span>
            </span>
            {line.from && <span class="quiet">{line.from}</span>}
          </>
        );
      }}
    />
  );
}

const ABOUT: [RegExp, Section][] = [
  [/complaint/, 'complaints'],
  [/^(edit|remove) room$/, 'rooms'],
  [/gift/, 'gifts'],
  [/key/, 'keys'],
];
const PEOPLE = /user|suspend|session|room|kick|ban|silence|coins|balance|phone|deletion/;

/** What a deed was done to. */
function Whom({ model, deed, id }: { model: Model; deed: string; id: string }) {
  const section = ABOUT.find(([pattern]) => pattern.test(deed))?.[1];
  if (section) return <a href={`#/${section}/${id}`}>…{id.slice(-6)}</a>;
  return PEOPLE.test(deed) ? <Person model={model} id={id} /> : <code>…{id.slice(-6)}</code>;
}
