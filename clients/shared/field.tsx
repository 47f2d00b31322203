import type { JSX } from 'preact';
import { useId } from 'preact/hooks';

type Props = Omit<JSX.IntrinsicElements['input'], 'label'> & { label: string; onValue(value: string): void };

/** A labelled line of text. */
export function Field({ label, onValue, ...input }: Props) {
  const id = useId();
  return (
    <p class="field">
      <label for={id}>{label}</label>
      <input id={id} dir="auto" {...input} onInput={({ currentTarget }) => onValue(currentTarget.value)} />
    </p>
  );
}
