// What needs no daemon: remedies, pauses, and the globals that there may not be.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';
import { gzipSync } from 'node:zlib';
import { backoff, remedy } from '../dist/index.js';

const bundle = readFileSync(new URL('../dist/index.js', import.meta.url), 'utf-8');

test('every close code has the remedy of docs/protocol.rst', () => {
  for (const code of [1000, 1001, 1006, 1011, 1013, 4408, 4413, 4999]) assert.equal(remedy(code), 'again');
  for (const code of [1002, 1007, 1009]) assert.equal(remedy(code), 'give up');
  for (const code of [4403, 4440]) assert.equal(remedy(code), 'sign in');
  assert.equal(remedy(4400), 'anew');
  assert.equal(remedy(4429), 'after a minute');
});

test('pauses grow to 30 s, and are random from 0', () => {
  for (const [failures, longest] of [[1, 2000], [2, 4000], [4, 16_000], [5, 30_000], [2000, 30_000]]) {
    const pauses = Array.from({ length: 500 }, () => backoff(failures));
    assert.ok(pauses.every((pause) => pause >= 0 && pause < longest));
    assert.ok(Math.max(...pauses) > 0.9 * longest && Math.min(...pauses) < 0.1 * longest);
  }
});

test('it has at most 10 KB gzipped', () => {
  assert.ok(gzipSync(bundle, { level: 9 }).length <= 10_000);
});

test("React Native's globals are enough", async () => {
  const sent = [];
  const answer = { data: { message: { _id: 'm', room: 'r', seq: 1 } } };
  const context = vm.createContext({
    // No crypto, URL, AbortSignal.timeout, EventTarget, structuredClone, localStorage, location or document.
    ...{ console, setTimeout, clearTimeout, AbortController },
    navigator: { product: 'ReactNative' },
    fetch: async (url, { method, body, headers }) => {
      sent.push([url, method, JSON.parse(body), headers]);
      return { ok: true, status: 200, headers: { get: () => null }, text: async () => JSON.stringify(answer) };
    },
    WebSocket: class {},
  });
  vm.runInContext('globalThis.window = globalThis', context);
  const script = bundle.replace(/export\s*\{([^}]*)\};?/, (_, names) =>
    `globalThis.lib = {${names.replace(/([\w$]+) as ([\w$]+)/g, '$2: $1')}};`);
  vm.runInContext(script, context);
  const stored = new Map();
  const storage = {
    getItem: async (key) => stored.get(key) ?? null,
    setItem: async (key, value) => void stored.set(key, value),
    removeItem: async (key) => void stored.delete(key),
  };
  const chat = new context.lib.JustChat({ url: 'http://chat.example/', storage });
  await chat.resume({ session_key: 'k', user: 'u' });
  const message = await chat.send({ room: 'r', text: 'hi' });
  assert.equal(message.seq, 1);
  const [[url, method, body, headers]] = sent;
  assert.deepEqual([url, method, headers.Authorization], ['http://chat.example/room/sendMessage', 'POST', 'Bearer k']);
  assert.match(body.message.client_id, /^[0-9a-f]{32}$/);
  assert.equal(stored.get('justchat.session'), '{"session_key":"k","user":"u"}');
});
