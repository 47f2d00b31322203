import { useEffect, useRef } from 'preact/hooks';
import { Languages } from '../../shared/languages.js';
import { Audit } from './audit.js';
import { Complaints } from './complaints.js';
import { Gifts } from './gifts.js';
import { Held } from './held.js';
import { type Model, SECTIONS, type Section } from './model.js';
import { Notices } from './notices.js';
import { Overview } from './overview.js';
import { People } from './people.js';
import { QuestionDialog } from './question.js';
import { Rooms } from './rooms.js';
import { Keys } from './server_keys.js';
import { SignIn } from './sign_in.js';
import { Webhooks } from './webhooks.js';
import { t } from './words/index.js';

export function App({ model }: { model: Model }) {
  const main = useRef<HTMLElement>(null);
  const { section, id } = model.route;
  // The queue stays while one looks at one complaint after another.
  const shown = !model.identity ? 'sign in' : section === 'complaints' ? section : `${section} ${id}`;
  useEffect(() => {
    document.title = `${t(model.identity ? section : 'signIn')} · ${t('console')}`;
  });
  // Who uses a screen reader is told of another page by its heading.
  useEffect(() => main.current?.querySelector<HTMLElement>('h1')?.focus(), [shown]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>{t('skip')}</a>
      <header>
        <svg viewBox="0 0 32 32" aria-hidden="true"><path d="M4 5h24v17H15l-7 6v-6H4z" /></svg>
        <strong>JustChat <span>{t('consoleShort')}</span></strong>
        <Languages label={t('language')} onSpoken={() => model.changed()} />
        {model.identity && <button onClick={() => model.signOut()}>{t('signOut')}</button>}
      </header>
      <div class="frame">
        {model.identity && <Navigation model={model} />}
        <main id="main" ref={main} tabIndex={-1}>
          {!model.isReady ? null : model.identity ? <Page key={section} model={model} /> : <SignIn model={model} />}
        </main>
      </div>
      <Notices model={model} />
      {model.question && <QuestionDialog question={model.question} />}
    </>
  );
}

const PAGES: Record<Section, typeof Complaints> = {
  overview: Overview,
  complaints: Complaints,
  people: People,
  rooms: Rooms,
  gifts: Gifts,
  held: Held,
  keys: Keys,
  webhooks: Webhooks,
  audit: Audit,
};

function Page({ model }: { model: Model }) {
  const Shown = PAGES[model.route.section];
  return <Shown model={model} />;
}

function Navigation({ model }: { model: Model }) {
  const nav = useRef<HTMLElement>(null);
  // On a narrow screen not all of them are seen.
  useEffect(() => {
    nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  });
  return (
    <nav ref={nav} aria-label={t('sections')}>
      {SECTIONS.map((section) => (
        <a href={`#/${section}`} aria-current={model.route.section === section ? 'page' : undefined}>
          {t(section)}
          {section === 'complaints' && model.waiting && <span class="badge">{model.waiting}</span>}
        </a>
      ))}
    </nav>
  );
}
