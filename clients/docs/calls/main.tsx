import './trusted_types.js';
import { render } from 'preact';
import { Header } from '../shared/header.js';
import { SignIn } from './sign_in.js';
import { showCalls } from './viewer.js';

const calls = document.createElement('div');
const viewer = showCalls(calls);

render(
  <>
    <Header page="calls" />
    <section aria-label="Sign in">
      <SignIn onKey={(key) => void viewer.then((shown) => shown.useSession(key))} />
    </section>
    <div class="viewer" ref={(place) => place?.append(calls)} />
  </>,
  document.getElementById('app')!,
);
