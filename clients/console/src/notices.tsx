import type { Model } from './model.js';
import { t } from './words/index.js';

/** What was done last, each with what takes it back, and what went wrong. It stays until it is put away. */
export function Notices({ model }: { model: Model }) {
  return (
    <div role="status" class="notices">
      {model.notices.map((notice) => (
        <p key={notice.number} class={notice.isWrong ? 'notice failed' : 'notice'}>
          <span dir="auto">{notice.text}</span>
          {notice.undo && <button onClick={() => void model.undo(notice)}>{t('undo')}</button>}
          <button class="plain" aria-label={t('dismiss')} onClick={() => model.dismiss(notice.number)}>×</button>
        </p>
      ))}
    </div>
  );
}
