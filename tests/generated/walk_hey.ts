// README's walk-through by the client that @hey-api/openapi-ts makes.
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { createClient } from './hey/client';
import * as sdk from './hey';

const [api, data, png, annPhone, bobPhone] = process.argv.slice(2) as [string, string, string, string, string];

function sentKey(phone: string): string {
  const lines = readFileSync(`${data}/sms-outbox.jsonl`, 'utf-8').trim().split('\n').map((line) => JSON.parse(line));
  return lines.filter((line) => line.phone === phone).pop().text.replace(/\D/g, '');
}

async function signIn(phone: string, nickname: string) {
  const anonymous = createClient({ baseUrl: api });
  const registered = await sdk.initReg({ client: anonymous, body: { phone: `+${phone}`, nickname } });
  assert.equal(registered.response?.status, 201);
  const { data: answer } = await sdk.initAuth({ client: anonymous, body: { phone, key: Number(sentKey(phone)) } });
  assert(answer);
  const key = answer.data.session_key;
  return { id: answer.data.user._id, client: createClient({ baseUrl: api, auth: () => key }) };
}

async function walk() {
  const { id, client } = await signIn(annPhone, 'Ann');
  const bob = (await signIn(bobPhone, 'Bob')).client;
  const shown = await sdk.initGetUser({ client, body: { user_id: id } });
  assert.equal(shown.data?.data.user.nickname, 'Ann');

  const created = await sdk.roomCreate({ client, body: { room: { name: 'Kitchen', max_users: 10 } } });
  const room = created.data?.data.room._id;
  assert(room);
  for (const each of [client, bob]) {
    const entered = await sdk.roomEnter({ client: each, body: { room: { id: room } } });
    assert.equal(entered.response?.status, 200);
  }
  const body = { message: { room_id: room, text: 'Tea is ready.', client_id: crypto.randomUUID() } };
  const said = await sdk.roomSendMessage({ client, body });
  const again = await sdk.roomSendMessage({ client, body });
  assert(said.data);
  assert.equal(said.data.data.message._id, again.data?.data.message._id);
  const chat = await sdk.roomChat({ client: bob, body: { room, skip: -1 } });
  assert.equal(chat.data?.data.chat[0]?.text, 'Tea is ready.');
  const found = await sdk.roomGet({ client, body: { sort: { users: -1 }, filter: { filled: 'only' } } });
  assert.equal(found.response?.status, 200);

  await sdk.roomLeave({ client: bob, body: { room_id: room } });
  const refused = await sdk.roomSendMessage({ client: bob, body: { message: { room_id: room, text: 'Hello?' } } });
  assert(refused.error);
  assert.equal(refused.error.code, 'not-in-room');

  const photo = new Blob([readFileSync(png)], { type: 'image/png' });
  const uploaded = await sdk.upload({ client, body: { photo } });
  assert(uploaded.data);
  assert.match(uploaded.data.url, /^uploads\/[0-9a-f]{32}\.png$/);
  const name = uploaded.data.url.slice('uploads/'.length);
  const got = await sdk.uploads({ client, path: { name } });
  assert(got.data instanceof Blob);

  await sdk.initExit({ client, body: {} });
  const over = await sdk.initGetUser({ client, body: {} });
  assert.equal(over.response?.status, 440);
  assert(over.error);
  assert.equal(over.error.code, 'login-timeout');
}

walk().then(() => console.log('walked'));
