import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Result } from '../../javascript/src/calls.js';
import { Chart } from './chart.js';
import { useAnswer, useLooks, Waiting } from './listing.js';
import type { Model } from './model.js';
import { Stamp } from './parts.js';
import { language, t } from './words/index.js';

type Shown = Result<'/server/overview'>;

/** Milliseconds between two looks. */
const FRESH = 10_000;
const MINUTE = 60_000;
/** What is plotted: how long, and how far its points are apart, in milliseconds. */
const SPANS = { hour: [60 * MINUTE, MINUTE], day: [24 * 60 * MINUTE, 10 * MINUTE] } as const;

/** How everything is, and was in the last hour or day. */
export function Overview({ model }: { model: Model }) {
  const looks = useLooks(FRESH);
  const [span, setSpan] = useState<keyof typeof SPANS>('hour');
  const shown = useAnswer(model, 'overview', () => model.read('/server/overview', {}), looks);

  return (
    <section class="stack">
      <h1 tabIndex={-1}>{t('overview')}</h1>
      {!shown ? <Waiting of={shown} /> : (
        <>
          <Now now={shown.now} />
          <div class="row" role="group" aria-label={t('whichSpan')}>
            <button aria-pressed={span === 'hour'} onClick={() => setSpan('hour')}>{t('lastHour')}</button>
            <button aria-pressed={span === 'day'} onClick={() => setSpan('day')}>{t('lastDay')}</button>
          </div>
          <Charts shown={shown} span={span} />
          <Processes processes={shown.processes} />
        </>
      )}
    </section>
  );
}

function Now({ now }: { now: Shown['now'] }) {
  const away = Object.entries(now.parts).filter(([, state]) => state !== 'up' && state !== 'ok');
  return (
    <>
      {away.length > 0 && (
        <p class="notice failed" role="alert">{t('away', { parts: away.map((each) => each.join(': ')).join(', ') })}</p>
      )}
      <dl class="numbers">
        <Count name={t('online')} value={now.users_online} />
        <Count name={t('sockets')} value={now.sockets.websocket + now.sockets.socketio} />
        <Count name={t('perSecond')} value={now.entries_per_second} />
        <Count name={t('accounts')} value={now.users} />
        <Count name={t('rooms')} value={now.rooms} />
        <Count name={<a href="#/complaints">{t('openComplaints')}</a>} value={now.open_complaints} />
        <Count name={<a href="#/held">{t('held')}</a>} value={now.held_messages} />
      </dl>
    </>
  );
}

function Count({ name, value }: { name: ComponentChildren; value: number }) {
  return <div><dt>{name}</dt><dd>{value.toLocaleString(language)}</dd></div>;
}

function Charts({ shown, span }: { shown: Shown; span: keyof typeof SPANS }) {
  const points = shown[span];
  const to = Date.parse(shown.now.at);
  const [length, step] = SPANS[span];
  const plot = { times: points.map(({ at }) => Date.parse(at)), span: [to - length, to] as [number, number], step };
  const minutes = step / MINUTE;
  return (
    <div class="charts">
      <Chart
        {...plot} title={t('sockets')} unit=""
        lines={[{ name: t('sockets'), values: points.map((each) => each.sockets) }]}
      />
      <Chart
        {...plot} title={t('messages')} unit={t('perMinute')}
        lines={[{ name: t('messages'), values: points.map((each) => each.entries / minutes) }]}
      />
      <Chart
        {...plot} title={t('latency')} unit={t('milliseconds')}
        lines={[
          { name: t('half'), values: points.map((each) => each.p50) },
          { name: t('slowest'), values: points.map((each) => each.p99) },
        ]}
      />
      <Chart
        {...plot} title={t('errors')} unit="" lines={[{ name: t('errors'), values: points.map((each) => each.errors) }]}
      />
    </div>
  );
}

function Processes({ processes }: { processes: Shown['processes'] }) {
  return (
    <details>
      <summary>{t('processes')} ({processes.length})</summary>
      <div class="scrolled" tabIndex={0} role="region" aria-label={t('processes')}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t('server')}</th><th scope="col">{t('version')}</th><th scope="col">{t('created')}</th>
              <th scope="col">{t('sockets')}</th><th scope="col">{t('parts')}</th>
            </tr>
          </thead>
          <tbody>
            {processes.map((each) => (
              <tr key={`${each.host} ${each.pid}`}>
                <th scope="row">{each.host} {each.pid}</th><td>{each.version}</td><td><Stamp at={each.since} /></td>
                <td>{each.sockets.websocket + each.sockets.socketio}</td>
                <td>{Object.entries(each.parts).map((part) => part.join(': ')).join(', ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
