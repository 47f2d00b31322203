import { useEffect, useRef } from 'preact/hooks';
import { Languages } from '../../shared/languages.js';
import { Complaints } from './complaints.js';
import { type Model, SECTIONS, type Section } from './model.js';
import { Notices } from './notices.js';
import { QuestionDialog } from './question.js';
import { SignIn } from './sign_in.js';
import { t } from './words/index.js';

export function App({ model }: { model: Model }) {
  const main = useRef<HTMLElement>(null);
  const { section } = model.route;
  const shown = model.key ? section : 'sign in';
  useEffect(() => {
    document.title = `${t(model.key ? section : 'signIn')} · ${t('console')}`;
  });
  // Who uses a screen reader is told of another section by its heading.
  useEffect(() => main.current?.querySelector<HTMLElement>('h1')?.focus(), [shown]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>{t('skip')}</a>
      <header>
        <strong>{t('console')}</strong>
        <Languages label={t('language')} onSpoken={() => model.changed()} />
        {model.key && <button onClick={() => model.signOut()}>{t('signOut')}</button>}
      </header>
      <div class="frame">
        {model.key && <Navigation model={model} />}
        <main id="main" ref={main} tabIndex={-1}>
          {!model.isReady ? null : model.key ? <Page key={shown} model={model} /> : <SignIn model={model} />}
        </main>
      </div>
      <Notices model={model} />
      {model.question && <QuestionDialog question={model.question} />}
    </>
  );
}

const PAGES: Record<Section, typeof Complaints> = { complaints: Complaints };

function Page({ model }: { model: Model }) {
  const Shown = PAGES[model.route.section];
  return <Shown model={model} />;
}

function Navigation({ model }: { model: Model }) {
  return (
    <nav aria-label={t('sections')}>
      {SECTIONS.map((section) => (
        <a href={`#/${section}`} aria-current={model.route.section === section ? 'page' : undefined}>{t(section)}</a>
      ))}
    </nav>
  );
}
