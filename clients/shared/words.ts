export const LANGUAGES = { en: 'English', ru: 'Русский' } as const;
export type Language = keyof typeof LANGUAGES;

const KEPT = 'justchat.language';

function preferred(): Language {
  const kept = localStorage.getItem(KEPT);
  return (kept ?? navigator.language).startsWith('ru') ? 'ru' : 'en';
}

export let language: Language = preferred();
document.documentElement.lang = language;

export function speak(another: Language): void {
  language = another;
  localStorage.setItem(KEPT, another);
  document.documentElement.lang = another;
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;

/** A text that is put among others, so that its direction is its own (Unicode's FSI and PDI). */
function isolated(text: string): string {
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}

/** What a page says, by language. `{name}` in a word stands for what is put in. */
export function dictionary<Word extends string>(words: Record<Language, Record<Word, string>>) {
  return {
    /** The word in the language of the page, with what is put in. */
    t(word: Word, put: Record<string, string | number> = {}): string {
      return words[language][word].replace(/\{(\w+)\}/g, (_, name: string) => isolated(String(put[name] ?? '')));
    },
    /** The word, if there is one of this name. */
    known(word: string): Word | null {
      return Object.hasOwn(words.en, word) ? (word as Word) : null;
    },
  };
}

export function time(written: string): string {
  const then = new Date(written);
  const isToday = then.toDateString() === new Date().toDateString();
  return then.toLocaleString(language, isToday ? { timeStyle: 'short' } : { dateStyle: 'short', timeStyle: 'short' });
}
