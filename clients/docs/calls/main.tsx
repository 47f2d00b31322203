import './trusted_types.js';
import { render } from 'preact';
import { Header } from '../shared/header.js';
import { SignIn } from './sign_in.js';
import { type Document, showCalls } from './viewer.js';

function Page({ document }: { document: Document }) {
  const calls = globalThis.document.createElement('div');
  const viewer = showCalls(document, calls);
  // A port for app's servers alone has nobody who could sign in, and no events.
  const isForUsers = '/init/auth' in document.paths;
  return (
    <>
      <Header page="calls" isForUsers={isForUsers} />
      {isForUsers && (
        <section aria-label="Sign in">
          <SignIn onKey={(key) => void viewer.then((shown) => shown.useSession(key))} />
        </section>
      )}
      <div class="viewer" ref={(place) => place?.append(calls)} />
    </>
  );
}

async function load(): Promise<Document> {
  const answer = await fetch('openapi.json');
  if (!answer.ok) throw new Error(`openapi.json: status ${answer.status}`);
  return (await answer.json()) as Document;
}

void load()
  .then(
    (document) => <Page document={document} />,
    (error: unknown) => <p class="wrong" role="alert">{String(error)}</p>,
  )
  .then((shown) => render(shown, globalThis.document.getElementById('app')!));
