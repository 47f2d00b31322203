import { useId, useState } from 'preact/hooks';
import type { Model } from './model.js';
import { t } from './words/index.js';

const PICTURES = 'image/png,image/jpeg,image/gif,image/webp';

/** Where a message is written: Enter sends, Shift and Enter begins a line. A picture is sent as it is chosen or pasted. */
export function Composer({ model, onText }: { model: Model; onText(text: string): void }) {
  const id = useId();
  const [text, setText] = useState('');
  const [isUploading, setUploading] = useState(false);

  function send(): void {
    if (!text.trim()) return;
    onText(text);
    setText('');
  }

  async function sendPicture(file: File | null | undefined): Promise<void> {
    if (!file) return;
    setUploading(true);
    const url = await model.attempt(model.chat.calls.upload(file));
    setUploading(false);
    if (url) onText(url);
  }

  function paste(event: ClipboardEvent): void {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => PICTURES.includes(type));
    if (!file) return;
    event.preventDefault();
    void sendPicture(file);
  }

  return (
    <form class="composer" onSubmit={(event) => (event.preventDefault(), send())}>
      <label class="file" title={t('picture')}>
        <span aria-hidden="true">{isUploading ? '…' : '+'}</span><span class="hidden">{t('picture')}</span>
        <input
          type="file" accept={PICTURES} class="hidden" disabled={isUploading}
          onChange={({ currentTarget }) => {
            void sendPicture(currentTarget.files?.[0]);
            currentTarget.value = '';
          }}
        />
      </label>
      <label for={id} class="hidden">{t('message')}</label>
      <textarea
        id={id} dir="auto" rows={1} maxLength={4096} value={text} placeholder={t('message')} onPaste={paste}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            send();
          }
        }}
      />
      <button class="main">{t('send')}</button>
    </form>
  );
}
