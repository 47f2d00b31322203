import { useId } from 'preact/hooks';
import { type Term, TERMS } from './model.js';
import { t } from './words/index.js';

/** For how long. */
export function TermChoice({ term, onTerm }: { term: Term; onTerm(term: Term): void }) {
  const id = useId();
  return (
    <p class="field">
      <label for={id}>{t('howLong')}</label>
      <select id={id} value={term} onChange={({ currentTarget }) => onTerm(currentTarget.value as Term)}>
        {(Object.keys(TERMS) as Term[]).map((name) => <option value={name}>{t(`for ${name}`)}</option>)}
      </select>
    </p>
  );
}
