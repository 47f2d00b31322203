import { useEffect, useRef, useState } from 'preact/hooks';
import { Field } from '../../shared/field.js';
import type { Model, Term } from './model.js';
import { TermChoice } from './term.js';
import { t } from './words/index.js';

/** The question before something that cannot be taken back. Escape and the button to the left say no. */
export function QuestionDialog({ question }: { question: NonNullable<Model['question']> }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState(question.reason ?? '');
  const [term, setTerm] = useState<Term>('week');

  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);

  return (
    <dialog
      ref={dialog} aria-labelledby="question"
      onCancel={(event) => (event.preventDefault(), question.answer(null))}
    >
      <form class="question" onSubmit={(event) => (event.preventDefault(), question.answer({ reason, term }))}>
        <h2 id="question" dir="auto">{question.title}</h2>
        <p dir="auto">{question.text}</p>
        {question.asksTerm && <TermChoice term={term} onTerm={setTerm} />}
        {question.reason !== undefined && (
          <Field label={t('reason')} required maxLength={1000} value={reason} onValue={setReason} />
        )}
        <div class="row">
          <button type="button" onClick={() => question.answer(null)}>{t('cancel')}</button>
          <button class="danger" autoFocus={question.reason === undefined}>{question.button}</button>
        </div>
      </form>
    </dialog>
  );
}
