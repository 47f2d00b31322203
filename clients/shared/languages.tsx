import { LANGUAGES, type Language, language, speak } from './words.js';

/** Chooses the language of the page. */
export function Languages({ label, onSpoken }: { label: string; onSpoken(): void }) {
  return (
    <label class="language">
      <span class="hidden">{label}</span>
      <select value={language} onChange={({ currentTarget }) => (speak(currentTarget.value as Language), onSpoken())}>
        {Object.entries(LANGUAGES).map(([code, name]) => <option value={code} lang={code}>{name}</option>)}
      </select>
    </label>
  );
}
