import { dictionary } from '../../../shared/words.js';
import { en, type Word } from './en.js';
import { ru } from './ru.js';

export { language, time } from '../../../shared/words.js';
export type { Word } from './en.js';
export const { t, known } = dictionary<Word>({ en, ru });
