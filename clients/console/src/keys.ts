import { useLayoutEffect } from 'preact/hooks';
import type { Model } from './model.js';

/** Does something when a key is pressed, by the key's place (`KeyJ`), whichever alphabet it writes. Not in a field. */
export function useKeys(model: Model, does: Record<string, (() => void) | undefined>): void {
  // With what is shown: a key that is pressed before the next frame must not mean what was shown before.
  useLayoutEffect(() => {
    function press(event: KeyboardEvent): void {
      const { target, code, ctrlKey, metaKey, altKey, repeat } = event;
      if (ctrlKey || metaKey || altKey || repeat || model.question || !model.hasKeys) return;
      if (target instanceof Element && target.closest('input, textarea, select, dialog')) return;
      const deed = does[code];
      if (!deed) return;
      event.preventDefault();
      deed();
    }
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  });
}
