// README's walk-through by the types of openapi-typescript and its client, openapi-fetch.
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import createClient from 'openapi-fetch';
import type { components, paths } from './api';

const [api, data, png, annPhone, bobPhone] = process.argv.slice(2) as [string, string, string, string, string];

function sentKey(phone: string): string {
  const lines = readFileSync(`${data}/sms-outbox.jsonl`, 'utf-8').trim().split('\n').map((line) => JSON.parse(line));
  return lines.filter((line) => line.phone === phone).pop().text.replace(/\D/g, '');
}

async function signIn(phone: string, nickname: string) {
  const anonymous = createClient<paths>({ baseUrl: api });
  const registered = await anonymous.POST('/init/reg', { body: { phone: `+${phone}`, nickname } });
  assert.equal(registered.response.status, 201);
  const { data: answer } = await anonymous.POST('/init/auth', { body: { phone, key: Number(sentKey(phone)) } });
  assert(answer);
  const headers = { Authorization: `Bearer ${answer.data.session_key}` };
  return { id: answer.data.user._id, client: createClient<paths>({ baseUrl: api, headers }) };
}

async function walk() {
  const ann = await signIn(annPhone, 'Ann');
  const bob = await signIn(bobPhone, 'Bob');
  const shown = await ann.client.POST('/init/getUser', { body: {} });
  assert.equal(shown.data?.data.user.nickname, 'Ann');
  const edited = await ann.client.POST('/init/edit', { body: { user: { dob: '1990-2-8', gender: 0, location: null } } });
  assert.equal(edited.data?.data.user.dob, '1990-02-08');

  const created = await ann.client.POST('/room/create', { body: { room: { name: 'Kitchen' } } });
  const room = created.data?.data.room._id;
  assert(room);
  for (const { client } of [ann, bob]) {
    const entered = await client.POST('/room/enter', { body: { room: { id: room } } });
    assert.equal(entered.response.status, 200);
  }
  const message: components['schemas']['NewMessage'] = { room_id: room, text: 'Tea is ready.' };
  const params = { header: { 'Idempotency-Key': `tea-${annPhone}` } };
  const said = await ann.client.POST('/room/sendMessage', { body: { message }, params });
  const again = await ann.client.POST('/room/sendMessage', { body: { message }, params });
  assert(said.data && again.data);
  assert.equal(said.data.data.message._id, again.data.data.message._id);
  const chat = await bob.client.POST('/room/chat', { body: { room, skip: -1 } });
  assert.equal(chat.data?.data.chat[0]?.text, 'Tea is ready.');

  const found = await bob.client.POST('/room/get', { body: { name: 'kit', sort: { create_at: -1 }, filter: { privated: true } } });
  assert(found.data && 'rooms' in found.data.data && found.data.data.rooms.length > 0);
  const counted = await bob.client.POST('/room/get', { body: { filter: { countOnly: true } } });
  assert(counted.data && !('rooms' in counted.data.data) && counted.data.data.count > 0);

  const written = await bob.client.POST('/user/sendMessage', { body: { message: { user: ann.id, text: 'psst' } } });
  assert.equal(written.data?.data.message[0]?.read, false);
  const dialogs = await ann.client.POST('/user/dialogs', { body: {} });
  assert.equal(dialogs.data?.data.dialogs[0]?.unread, 1);

  await bob.client.POST('/room/leave', { body: { room_id: room } });
  const refused = await bob.client.POST('/room/sendMessage', { body: { message: { room_id: room, text: 'Hello?' } } });
  assert(refused.error);
  assert.equal(refused.response.status, 403);
  assert.equal(refused.error.code, 'not-in-room');
  assert(refused.error.detail);

  const picture = new Blob([readFileSync(png)], { type: 'image/png' });
  const form = new FormData();
  form.append('photo', picture, 'picture.png');
  const uploaded = await ann.client.POST('/upload', { body: form as never, bodySerializer: (body: unknown) => body as FormData });
  assert(uploaded.data);
  assert.match(uploaded.data.url, /^uploads\/[0-9a-f]{32}\.png$/);
  const name = uploaded.data.url.slice('uploads/'.length);
  const got = await ann.client.GET('/uploads/{name}', { params: { path: { name } }, parseAs: 'blob' });
  assert.equal(got.response.headers.get('content-type'), 'image/png');

  await ann.client.POST('/init/exit', { body: {} });
  const over = await ann.client.POST('/init/getUser', { body: {} });
  assert.equal(over.response.status, 440);
  assert.equal(over.error?.code, 'login-timeout');
}

walk().then(() => console.log('walked'));
