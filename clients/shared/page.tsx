import { render, type VNode } from 'preact';
import { useState } from 'preact/hooks';

/** Fills the page; returns what draws it again. The root stays, so that no id that `useId` makes comes twice. */
export function page(view: () => VNode): () => void {
  let redraw = (): void => {};
  function Root() {
    const [, count] = useState(0);
    redraw = () => count((before) => before + 1);
    return view();
  }
  const place = document.getElementById('app');
  if (place) {
    place.textContent = '';
    render(<Root />, place);
  }
  return () => redraw();
}
