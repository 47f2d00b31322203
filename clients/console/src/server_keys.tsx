import { useState } from 'preact/hooks';
import { Field } from '../../shared/field.js';
import type { Body } from '../../javascript/src/calls.js';
import type { components } from '../../javascript/src/api.js';
import { Listing, usePages } from './listing.js';
import type { Model } from './model.js';
import { t, time } from './words/index.js';

type Key = components['schemas']['KeyDocument'];
type Scope = Body<'/server/keys/add'>['scopes'][number];

export function Keys({ model }: { model: Model }) {
  const [added, setAdded] = useState<{ name: string; secret: string } | null>(null);
  const pages = usePages(model, 'keys', async (skip, limit) =>
    (await model.read('/server/keys/list', { skip, limit })).keys);

  async function revoke({ _id, name }: Key): Promise<void> {
    const question = { title: `${t('revoke')}: ${name}`, text: t('revokeSure', { name }), button: t('revoke') };
    if (!(await model.ask(question))) return;
    await model.carryOut({
      call: () => model.call('/server/keys/revoke', { key: _id }), done: t('keyRevoked', { name }),
    });
  }

  return (
    <section class="stack">
      <h1 tabIndex={-1}>{t('keys')}</h1>
      {added && <Secret added={added} onDone={() => setAdded(null)} />}
      <KeyForm model={model} onAdded={setAdded} />
      <Listing
        pages={pages} nothing={t('noKeys')}
        line={(key) => (
          <>
            <span class="grow">
              <bdi>{key.name}</bdi> <span class="quiet">{key.scopes.join(', ')}</span>
              {key.networks.length > 0 && <span class="quiet"> ({key.networks.join(', ')})</span>}
              {key.used_at && <span class="quiet"> {t('used', { time: time(key.used_at) })}</span>}
            </span>
            {key._id === model.identity?._id ? <span class="quiet">{t('yourself')}</span> : (
              <button onClick={() => void revoke(key)}>{t('revoke')}</button>
            )}
          </>
        )}
      />
    </section>
  );
}

/** A new key, which is shown once. */
function Secret({ added, onDone }: { added: { name: string; secret: string }; onDone(): void }) {
  return (
    <section class="card secret" role="status">
      <h2><bdi>{added.name}</bdi></h2>
      <p>{t('keyAdded')}</p>
      <pre><code>{added.secret}</code></pre>
      <div class="row">
        {/* Where the page is not secure, browsers have no clipboard. */}
        {navigator.clipboard && (
          <button onClick={() => void navigator.clipboard.writeText(added.secret)}>{t('copy')}</button>
        )}
        <button onClick={onDone}>{t('dismiss')}</button>
      </div>
    </section>
  );
}

function KeyForm({ model, onAdded }: { model: Model; onAdded(added: { name: string; secret: string }): void }) {
  const [name, setName] = useState('');
  const [networks, setNetworks] = useState('');
  const [scopes, setScopes] = useState<Scope[]>([]);
  const mine = (model.identity?.scopes ?? []) as Scope[];

  async function add(event: Event): Promise<void> {
    event.preventDefault();
    const body = { name, scopes, networks: networks.split(/[\s,]+/).filter(Boolean) };
    await model.carryOut({
      call: async () => onAdded({ name, secret: (await model.call('/server/keys/add', body)).secret }),
      done: t('keyMade', { name }),
    });
  }

  return (
    <form class="card" onSubmit={(event) => void add(event)}>
      <h2>{t('newKey')}</h2>
      <div class="fields">
        <Field label={t('keyName')} required maxLength={64} value={name} onValue={setName} />
        <Field label={t('networks')} value={networks} onValue={setNetworks} />
      </div>
      <fieldset class="row">
        <legend>{t('scopes')}</legend>
        {mine.map((scope) => (
          <label class="check">
            <input
              type="checkbox" checked={scopes.includes(scope)}
              onChange={({ currentTarget: { checked } }) =>
                setScopes(checked ? [...scopes, scope] : scopes.filter((each) => each !== scope))}
            />
            {scope}
          </label>
        ))}
      </fieldset>
      <div class="row"><button class="main" disabled={!scopes.length}>{t('add')}</button></div>
    </form>
  );
}
