import { dictionary, language } from '../../../shared/words.js';
import { en, type Word } from './en.js';
import { ru } from './ru.js';

export { language, time } from '../../../shared/words.js';
export type { Word } from './en.js';
export const { t, known } = dictionary<Word>({ en, ru });

export function day(written: string): string {
  return new Date(written).toLocaleDateString(language, { dateStyle: 'medium' });
}

const UNITS = [['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1]] as const;

/** A number of seconds in the largest unit that it is a multiple of. */
export function span(seconds: number): string {
  const [unit, size] = UNITS.find(([, size]) => seconds % size === 0) ?? UNITS[3];
  return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(seconds / size);
}
