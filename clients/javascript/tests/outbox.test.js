// The outbox with a daemon that answers what it is told to: times and refusals that a real one cannot be asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JustChat, memoryStorage } from '../dist/index.js';

Math.random = () => 0;

async function signedIn(answers, storage = memoryStorage(), user = 'u') {
  const bodies = [];
  const fetch = async (_, { body }) => {
    const { message } = JSON.parse(body);
    bodies.push(message);
    const [status, answer, headers = {}] = answers.shift() ?? [200, { data: { message } }];
    if (status === 0) throw new TypeError('fetch failed');
    return new Response(JSON.stringify(answer), { status, headers });
  };
  const chat = new JustChat({ url: 'http://chat.example', storage, fetch, WebSocket: class {} });
  await chat.resume({ session_key: 'k', user });
  return { chat, bodies };
}

const refused = (code) => ({ error: 'Forbidden', code, detail: 'no' });

test('a message is tried under one client_id until an answer comes', async () => {
  const { chat, bodies } = await signedIn([[0], [503, {}], [429, {}], [502, refused('no-answer')]]);
  await chat.send({ room: 'r', text: 'one' });
  assert.equal(bodies.length, 5);
  assert.equal(new Set(bodies.map(({ client_id }) => client_id)).size, 1);
  assert.deepEqual(chat.unsent, []);
});

test('one that is refused stays with the reason, and lets the next one by', async () => {
  const { chat, bodies } = await signedIn([[403, refused('silenced')]]);
  const first = chat.send({ room: 'r', text: 'one' });
  await chat.send({ room: 'r', text: 'two' });
  await assert.rejects(first, { code: 'silenced', status: 403 });
  assert.deepEqual(chat.unsent.map(({ text, failure }) => [text, failure.code]), [['one', 'silenced']]);
  chat.retry(chat.unsent[0].client_id);
  await new Promise((sent) => chat.on('sent', sent));
  assert.deepEqual(bodies.map(({ text }) => text), ['one', 'two', 'one']);
  assert.equal(bodies[0].client_id, bodies[2].client_id);
});

test('a conversation keeps its order, and does not wait for another', async () => {
  const { chat, bodies } = await signedIn([[503, {}, { 'Retry-After': '1' }]]);
  const last = ['one', 'two', 'three'].map((text) => chat.send({ room: 'r', text })).pop();
  await chat.send({ user: 'x', text: 'aside' });
  await last;
  assert.deepEqual(bodies.map(({ text }) => text), ['one', 'aside', 'one', 'two', 'three']);
});

test('without a session it waits for the next one of the same user', async () => {
  const { chat, bodies } = await signedIn([[440, refused('login-timeout')]]);
  const sent = chat.send({ room: 'r', text: 'one' });
  while (!bodies.length) await new Promise(setImmediate);
  await chat.resume({ session_key: 'k2', user: 'u' });
  await sent;
  assert.equal(bodies.length, 2);
});

test("another user does not send it", async () => {
  const storage = memoryStorage();
  const { chat, bodies } = await signedIn([[440, refused('login-timeout')]], storage);
  chat.send({ room: 'r', text: 'one' });
  while (!bodies.length) await new Promise(setImmediate);
  await chat.resume({ session_key: 'k2', user: 'other' });
  assert.deepEqual(chat.unsent, []);
  const again = await signedIn([], storage);
  assert.deepEqual(again.chat.unsent.map(({ text }) => text), ['one']);
});

test('one that was tried a day ago is not tried by itself: it may have been sent', async () => {
  const storage = memoryStorage();
  const item = { room: 'r', text: 'old', client_id: 'c', written_at: 0, tried_at: Date.now() - 24 * 3600e3, failure: null };
  const untried = { ...item, text: 'never tried', client_id: 'd', tried_at: null };
  await storage.setItem('justchat.unsent.u', JSON.stringify([item, untried]));
  const { chat, bodies } = await signedIn([], storage);
  while (chat.unsent.length > 1) await new Promise(setImmediate);
  assert.deepEqual(bodies.map(({ text }) => text), ['never tried']);
  assert.equal(chat.unsent[0].failure.code, 'maybe-sent');
  chat.retry('c');
  await new Promise((sent) => chat.on('sent', sent));
  assert.notEqual(bodies[1].client_id, 'c');
});

test('two pages with one storage lose nothing of each other', async () => {
  const storage = memoryStorage();
  const away = Array(50).fill([403, refused('silenced')]);
  const [one, other] = [await signedIn([...away], storage), await signedIn([...away], storage)];
  const all = [one, other].flatMap(({ chat }, page) => [1, 2, 3].map((n) => chat.send({ room: 'r', text: `${page}${n}` })));
  await Promise.allSettled(all);
  const kept = () => JSON.parse(storage.getItem('justchat.unsent.u'));
  while (kept().some(({ failure }) => !failure)) await new Promise(setImmediate);
  assert.deepEqual(kept().map(({ text }) => text).sort(), ['01', '02', '03', '11', '12', '13']);
});
