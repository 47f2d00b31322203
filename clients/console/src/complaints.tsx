import { useEffect, useRef, useState } from 'preact/hooks';
import { Complaint, type ComplaintDocument, excerpt } from './complaint.js';
import { useKeys } from './keys.js';
import { useAnswer, useLooks } from './listing.js';
import type { Model } from './model.js';
import { Stamp } from './parts.js';
import { reasonName, t } from './words/index.js';

/** Milliseconds between two looks at the queue. */
const FRESH = 30_000;
/** How many complaints one call reads, and how many calls read those that are open. */
const PAGE = 100;
const MOST_PAGES = 10;

/** The queue, and the complaint that is looked at. */
export function Complaints({ model }: { model: Model }) {
  const { id } = model.route;
  const status = model.showsClosed ? 'closed' : 'open';
  const [pages, setPages] = useState(1);
  // All that are open, since what cannot wait comes first, however old it is.
  const wanted = status === 'open' ? MOST_PAGES : pages;
  const items = useAnswer(model, status, () => readQueue(model, status, wanted), wanted);
  const isAll = !items || items.length < wanted * PAGE;
  if (items && status === 'open') model.waiting = items.length ? `${items.length}${isAll ? '' : '+'}` : '';
  const queue = items && [...items].sort((a, b) => Number(isUrgent(b)) - Number(isUrgent(a)));
  // One of another queue may be looked at, too.
  const shown = id || queue?.[0]?._id;
  const place = queue?.findIndex(({ _id }) => _id === shown) ?? -1;
  const next = (queue?.[place + 1] ?? queue?.[place - 1])?._id ?? '';

  const isByKey = useRef(false);

  const looks = useLooks(FRESH);
  useEffect(() => {
    if (looks) model.refresh();
  }, [looks]);

  function look(by: number): void {
    const next = queue?.[place + by];
    isByKey.current = Boolean(next);
    if (next) model.go('complaints', next._id);
  }

  useKeys(model, { KeyJ: () => look(1), KeyK: () => look(-1), KeyZ: () => void model.undo() });

  function show(closed: boolean): void {
    model.showsClosed = closed;
    model.go('complaints');
    model.changed();
  }

  return (
    <div class="queue">
      <section class="waiting">
        <h1 tabIndex={-1}>{t('complaints')}</h1>
        <div class="row" role="group" aria-label={t('which')}>
          <button aria-pressed={!model.showsClosed} onClick={() => show(false)}>{t('open')}</button>
          <button aria-pressed={model.showsClosed} onClick={() => show(true)}>{t('closed')}</button>
        </div>
        {!queue ? <p class="quiet loading">{t('loading')}</p> : !queue.length ? (
          <p class="done">{t(model.showsClosed ? 'noneClosed' : 'noneOpen')}</p>
        ) : (
          <ol class="cases">
            {queue.map((complaint) => (
              <li key={complaint._id}>
                <Case complaint={complaint} isShown={complaint._id === shown} isByKey={isByKey} />
              </li>
            ))}
          </ol>
        )}
        {!isAll && status === 'closed' && <button onClick={() => setPages(pages + 1)}>{t('more')}</button>}
        <label class="check quiet">
          <input
            type="checkbox" checked={model.hasKeys}
            onChange={({ currentTarget }) => model.setKeys(currentTarget.checked)}
          />
          {t('shortcuts')} <span aria-hidden="true"><kbd>J</kbd> <kbd>K</kbd> <kbd>Z</kbd></span>
        </label>
      </section>
      {shown && <Complaint key={shown} model={model} id={shown} next={next} />}
    </div>
  );
}

async function readQueue(model: Model, status: 'open' | 'closed', pages: number): Promise<ComplaintDocument[]> {
  const read = new Map<string, ComplaintDocument>();
  for (let page = 0; page < pages; page++) {
    const { complaints } = await model.read('/server/complaints/list', { status, skip: page * PAGE, limit: PAGE });
    for (const complaint of complaints) read.set(complaint._id, complaint);
    if (complaints.length < PAGE) break;
  }
  return [...read.values()];
}

function isUrgent({ reason }: ComplaintDocument): boolean {
  return reason === 'child-safety';
}

function Case(props: { complaint: ComplaintDocument; isShown: boolean; isByKey: { current: boolean } }) {
  const { complaint, isShown, isByKey } = props;
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    if (!isShown || !isByKey.current) return;
    isByKey.current = false;
    link.current?.focus();
  }, [isShown]);
  return (
    <a
      ref={link} href={`#/complaints/${complaint._id}`} aria-current={isShown ? 'true' : undefined}
    >
      <span class={isUrgent(complaint) ? 'reason urgent' : 'reason'}>{reasonName(complaint.reason)}</span>
      <Stamp at={complaint.created_at} />
      <span class="cut" dir="auto">{excerpt(complaint)}</span>
    </a>
  );
}
