import { dictionary } from '../../../shared/words.js';
import { en, type Word } from './en.js';
import { ru } from './ru.js';

export { language, time } from '../../../shared/words.js';
export type { Word } from './en.js';
export const { t, known } = dictionary<Word>({ en, ru });

/** What a complaint's reason is called. */
export function reasonName(reason: string): string {
  const word = known(`reason ${reason}`);
  return word ? t(word) : reason;
}
