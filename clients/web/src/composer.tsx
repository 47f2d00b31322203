import { useId, useState } from 'preact/hooks';
import type { Model } from './model.js';
import { t } from './words/index.js';

/** Where a message is written: Enter sends, Shift and Enter begins a line. */
export function Composer({ model, onText }: { model: Model; onText(text: string): void }) {
  const id = useId();
  const [text, setText] = useState('');

  function send(): void {
    if (!text.trim()) return;
    onText(text);
    setText('');
  }

  async function sendPicture(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0];
    input.value = '';
    const url = file && (await model.attempt(model.chat.calls.upload(file)));
    if (url) onText(url);
  }

  return (
    <form class="composer" onSubmit={(event) => (event.preventDefault(), send())}>
      <label for={id} class="hidden">{t('message')}</label>
      <textarea
        id={id} dir="auto" rows={2} maxLength={4096} value={text} placeholder={t('message')}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            send();
          }
        }}
      />
      <div class="row">
        <button class="main">{t('send')}</button>
        <label class="file">
          {t('picture')}
          <input
            type="file" accept="image/png,image/jpeg,image/gif,image/webp" class="hidden"
            onChange={({ currentTarget }) => void sendPicture(currentTarget)}
          />
        </label>
      </div>
    </form>
  );
}
