import { useEffect, useRef } from 'preact/hooks';
import { Languages } from '../../shared/languages.js';
import { Me } from './account/me.js';
import { Dialog } from './dialog.js';
import { Dialogs } from './dialogs.js';
import { OpenMenu } from './menu.js';
import type { Model } from './model.js';
import { RoomPage } from './room.js';
import { Rooms } from './rooms.js';
import { Notice } from './sheet.js';
import { SignIn } from './sign_in.js';
import { t, type Word } from './words/index.js';

export function App({ model }: { model: Model }) {
  const main = useRef<HTMLElement>(null);
  const { route, sheet, menu } = model;
  const shown = model.me ? `${route.page} ${'id' in route ? route.id : ''}` : 'sign in';
  // Who uses a screen reader is told of another page by its heading.
  useEffect(() => main.current?.querySelector<HTMLElement>('h1')?.focus(), [shown]);
  const { unread } = model.dialogs;
  useEffect(() => void (document.title = unread ? `(${unread}) JustChat` : 'JustChat'), [unread]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>{t('skip')}</a>
      <header class="top">
        <strong class="brand">JustChat</strong>
        {model.me && <Navigation model={model} />}
        {model.me && <State model={model} />}
        <Languages label={t('language')} onSpoken={() => model.changed()} />
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        {!sheet && <Notice model={model} />}
        {!model.isReady ? null : !model.me ? <SignIn model={model} /> : <Page key={shown} model={model} />}
        {menu && !sheet && <OpenMenu model={model} menu={menu} />}
      </main>
      {sheet?.()}
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

/** The place in the navigation that a page belongs to. */
const PLACES = { rooms: 'rooms', room: 'rooms', dialogs: 'dialogs', dialog: 'dialogs', me: 'me' } as const;

function Navigation({ model }: { model: Model }) {
  const { unread } = model.dialogs;
  return (
    <nav>
      {(['rooms', 'dialogs', 'me'] as const).map((page) => (
        <a key={page} href={`#/${page}`} aria-current={PLACES[model.route.page] === page ? 'page' : undefined}>
          {t(page)}
          {page === 'dialogs' && unread > 0 && (
            <span class="badge">{unread}<span class="hidden"> {t('unreadWord')}</span></span>
          )}
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
  return <span role="status" class={`state ${model.chat.state}`}><span>{t(STATES[model.chat.state])}</span></span>;
}
