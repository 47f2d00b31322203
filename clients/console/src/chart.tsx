import { useId } from 'preact/hooks';
import { language, t } from './words/index.js';

export interface Line {
  name: string;
  /** A value for each time; null where there is none. */
  values: (number | null)[];
}

interface Props {
  title: string;
  unit: string;
  /** When each value is of, in milliseconds, in order. */
  times: number[];
  /** What is plotted: from one moment to another. */
  span: [number, number];
  /** Milliseconds from one time to the next; where one is missing, the line is broken. */
  step: number;
  lines: Line[];
}

const WIDTH = 600;
const HEIGHT = 120;

/** A bound of the scale that is easy to read: 1, 2 or 5 times a power of ten, and not less than `most`. */
export function scaleOf(most: number): number {
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return ([1, 2, 5, 10].find((factor) => factor * power >= most) ?? 10) * power;
}

function number(value: number): string {
  return value.toLocaleString(language, { maximumFractionDigits: value < 10 ? 1 : 0 });
}

function amount(value: number, unit: string): string {
  return unit ? `${number(value)} ${unit}` : number(value);
}

function clock(at: number): string {
  return new Date(at).toLocaleTimeString(language, { timeStyle: 'short' });
}

/** The strokes of a line, each of the values that follow each other, as places on the plot. */
function strokes({ values }: Line, { times, span: [from, to], step }: Props, top: number): [number, number][][] {
  const found: [number, number][][] = [];
  let last = -Infinity;
  times.forEach((at, place) => {
    const value = values[place] ?? null;
    if (value === null || at < from) return;
    if (at - last > 1.5 * step) found.push([]);
    last = at;
    found.at(-1)?.push([((at - from) / (to - from)) * WIDTH, HEIGHT - (value / top) * HEIGHT]);
  });
  return found;
}

function path(stroke: [number, number][]): string {
  // One value alone is a dot.
  const places = stroke.length > 1 ? stroke : [...stroke, ...stroke];
  return `M${places.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join('L')}`;
}

function area(stroke: [number, number][]): string {
  return `${path(stroke)}L${stroke.at(-1)?.[0].toFixed(1)},${HEIGHT}L${stroke[0]?.[0].toFixed(1)},${HEIGHT}Z`;
}

/** A plot of lines over time, in words for those who do not see it, and as a table. */
export function Chart(props: Props) {
  const { title, unit, lines, span: [from, to] } = props;
  const id = useId();
  const known = lines.flatMap(({ values }) => values.filter((value) => value !== null));
  const top = scaleOf(Math.max(0, ...known));
  return (
    <figure class="chart" aria-labelledby={id}>
      <figcaption id={id} class="row">
        <strong>{title}</strong>
        {lines.map((line, place) => (
          <Latest key={line.name} line={line} unit={unit} place={place} isOne={lines.length === 1} />
        ))}
      </figcaption>
      <div class="plot">
        <span class="quiet scale" aria-hidden="true"><span>{number(top)}</span><span>0</span></span>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={inWords(props)}>
          {[0, 0.5, 1].map((part) => <line class="grid" x1="0" x2={WIDTH} y1={part * HEIGHT} y2={part * HEIGHT} />)}
          {lines.map((line, place) => strokes(line, props, top).map((stroke) => (
            <g class={`line line-${place}`}>
              <path class="area" d={area(stroke)} />
              <path d={path(stroke)} />
            </g>
          )))}
        </svg>
        <span class="quiet times" aria-hidden="true">
          {[from, (from + to) / 2, to].map((at) => <span>{clock(at)}</span>)}
        </span>
      </div>
      <Table {...props} />
    </figure>
  );
}

function Latest({ line, unit, place, isOne }: { line: Line; unit: string; place: number; isOne: boolean }) {
  const value = line.values.at(-1) ?? null;
  return (
    <span class="row">
      {!isOne && (
        <svg class="key" viewBox="0 0 20 4" aria-hidden="true">
          <g class={`line line-${place}`}><path d="M0,2L20,2" /></g>
        </svg>
      )}
      <span class="quiet">{!isOne && line.name} {value === null ? '–' : amount(value, unit)}</span>
    </span>
  );
}

function inWords({ title, unit, lines }: Props): string {
  const said = lines.map(({ name, values }) => {
    const known = values.filter((value) => value !== null);
    const put = { latest: amount(known.at(-1) ?? 0, unit), most: amount(Math.max(0, ...known), unit) };
    return `${lines.length > 1 ? `${name}: ` : ''}${t('plotted', put)}`;
  });
  return `${title}: ${said.join(' ')}`;
}

/** The values, the latest first. */
function Table({ title, unit, times, lines }: Props) {
  return (
    <details>
      <summary>{t('asTable')}</summary>
      <div class="scrolled" tabIndex={0} role="region" aria-label={title}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t('time')}</th>
              {lines.map(({ name }) => <th scope="col">{unit ? `${name}, ${unit}` : name}</th>)}
            </tr>
          </thead>
          <tbody>
            {times.map((at, place) => (
              <tr key={at}>
                <th scope="row">{clock(at)}</th>
                {lines.map(({ values }) => <td>{values[place] == null ? '–' : number(values[place])}</td>)}
              </tr>
            )).reverse()}
          </tbody>
        </table>
      </div>
    </details>
  );
}
