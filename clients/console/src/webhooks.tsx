import { useAnswer, useLooks, Waiting } from './listing.js';
import type { Model } from './model.js';
import { Facts, Stamp } from './parts.js';
import { t } from './words/index.js';

/** Milliseconds between two looks. */
const FRESH = 10_000;

export function Webhooks({ model }: { model: Model }) {
  const looks = useLooks(FRESH);
  const webhooks = useAnswer(
    model, 'webhooks', async () => (await model.read('/server/webhooks/list', {})).webhooks, looks,
  );

  function replay(webhook: string): void {
    void model.carryOut({ call: () => model.call('/server/webhooks/replay', { webhook }), done: t('replayed') });
  }

  return (
    <section class="stack">
      <h1 tabIndex={-1}>{t('webhooks')}</h1>
      {!webhooks ? <Waiting of={webhooks} /> : !webhooks.length && <p class="quiet">{t('noWebhooks')}</p>}
      {webhooks?.map((each) => (
        <section key={each._id} class="card">
          <h2><bdi>{each.server}</bdi></h2>
          <Facts
            facts={[
              [t('events'), each.events.join(', ')],
              [t('pending'), each.pending],
              [t('oldest'), each.oldest && <Stamp at={each.oldest} />],
              [t('dead'), each.dead],
              [t('delivered'), each.delivered],
              [t('lost'), each.lost || null],
              [t('error'), each.error],
            ]}
          />
          <div class="row">
            <button disabled={!each.dead} onClick={() => replay(each._id)}>{t('replay')}</button>
          </div>
        </section>
      ))}
    </section>
  );
}
