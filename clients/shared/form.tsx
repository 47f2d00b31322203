import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';

type Props = Omit<JSX.IntrinsicElements['form'], 'onSubmit'> & { onSubmit(): Promise<unknown> };

/** A form that does one thing at a time: who presses twice, since the network is slow, does not do it twice. */
export function Form({ onSubmit, children, ...rest }: Props) {
  // The state comes with the next frame, a second press may come before.
  const isUnderWay = useRef(false);
  const [isBusy, setBusy] = useState(false);

  function become(busy: boolean): void {
    isUnderWay.current = busy;
    setBusy(busy);
  }

  function submit(event: Event): void {
    event.preventDefault();
    if (isUnderWay.current) return;
    become(true);
    void onSubmit().finally(() => become(false));
  }

  return <form {...rest} aria-busy={isBusy} onSubmit={submit}>{children}</form>;
}
