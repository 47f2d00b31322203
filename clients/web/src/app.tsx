import { useEffect, useRef } from 'preact/hooks';
import { Languages } from '../../shared/languages.js';
import { Dialog } from './dialog.js';
import { Dialogs } from './dialogs.js';
import { Me } from './me.js';
import type { Model } from './model.js';
import { RoomPage } from './room.js';
import { Rooms } from './rooms.js';
import { SignIn } from './sign_in.js';
import { t, type Word } from './words/index.js';

export function App({ model }: { model: Model }) {
  const main = useRef<HTMLElement>(null);
  const { route } = model;
  const shown = model.me ? `${route.page} ${'id' in route ? route.id : ''}` : 'sign in';
  // Who uses a screen reader is told of another page by its heading.
  useEffect(() => main.current?.querySelector<HTMLElement>('h1')?.focus(), [shown]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>{t('skip')}</a>
      <header>
        <strong>JustChat</strong>
        {model.me && <Navigation model={model} />}
        <Languages label={t('language')} onSpoken={() => model.changed()} />
        {model.me && <State model={model} />}
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <p role="status" class="notice">{model.notice}</p>
        {!model.isReady ? null : !model.me ? <SignIn model={model} /> : <Page key={shown} model={model} />}
      </main>
    </>
  );
}

function Page({ model }: { model: Model }) {
  const { route } = model;
  switch (route.page) {
    case 'rooms': return <Rooms model={model} />;
    case 'dialogs': return <Dialogs model={model} />;
    case 'me': return <Me model={model} />;
    case 'room': return <RoomPage model={model} id={route.id} />;
    case 'dialog': return <Dialog model={model} user={route.id} />;
  }
}

function Navigation({ model }: { model: Model }) {
  const unread = [...model.unread.values()].reduce((sum, count) => sum + count, 0);
  return (
    <nav>
      {(['rooms', 'dialogs', 'me'] as const).map((page) => (
        <a href={`#/${page}`} aria-current={model.route.page === page ? 'page' : undefined}>
          {t(page)}
          {page === 'dialogs' && unread > 0 && <span class="badge">{t('unread', { count: unread })}</span>}
        </a>
      ))}
    </nav>
  );
}

const STATES: Record<Model['chat']['state'], Word> = {
  'catching-up': 'stateConnecting',
  connecting: 'stateConnecting',
  failed: 'stateFailed',
  online: 'stateOnline',
  'signed-out': 'stateOut',
  stopped: 'stateConnecting',
  waiting: 'stateWaiting',
};

function State({ model }: { model: Model }) {
  return <span role="status" class={`state ${model.chat.state}`}>{t(STATES[model.chat.state])}</span>;
}
