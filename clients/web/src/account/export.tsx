import { useEffect, useState } from 'preact/hooks';
import type { Result } from '../../../javascript/src/index.js';
import type { Model } from '../model.js';
import { t, time } from '../words/index.js';

/** Milliseconds between two looks. */
const LOOK = 2000;

/** Asks for an archive of what belongs to the user, and waits for it. */
export function Export({ model }: { model: Model }) {
  const [found, setFound] = useState<Result<'/user/export'>['export'] | null>(null);

  async function ask(id?: string): Promise<void> {
    const answer = await model.attempt(model.chat.call('/user/export', id ? { export: id } : {}));
    setFound(answer ? { ...answer.export } : null);
  }

  useEffect(() => {
    if (found?.status !== 'pending') return;
    const timer = setTimeout(() => void ask(found._id), LOOK);
    return () => clearTimeout(timer);
  }, [found]);

  return (
    <section class="card">
      <h2>{t('export')}</h2>
      <p>{t('exportHint')}</p>
      <p role="status">
        {found?.status === 'pending' && t('exportPending')}
        {found?.status === 'failed' && <span class="wrong">{t('exportFailed')}</span>}
        {found?.url && (
          <>
            <a class="button" href={`/${found.url}`} download>{t('exportReady')}</a>
            {found.expires_at && <span class="quiet"> {t('until', { time: time(found.expires_at) })}</span>}
          </>
        )}
      </p>
      <div class="row">
        <button disabled={found?.status === 'pending'} onClick={() => void ask()}>{t('exportAsk')}</button>
      </div>
    </section>
  );
}
