// The rules of positions, as docs/writing-a-client.rst states them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tracker } from '../dist/index.js';

const ready = (more) => ({ error: null, user: 'me', n: 5, room: 'A', seq: 10, blocks: [], ...more });

function started(more) {
  const tracker = new Tracker();
  tracker.start(ready(more));
  return tracker;
}

const at = ({ position: { n, room, seq } }) => [n, room, seq];

test('an event moves the number of its own stream', () => {
  const tracker = started();
  assert.deepEqual(tracker.take('message', { room: 'A', seq: 12 }), { isNew: true, move: null });
  assert.deepEqual(tracker.take('direct-message', { n: 6, room: null }), { isNew: true, move: null });
  assert.deepEqual(at(tracker), [6, 'A', 12]);
});

test('what was told before is not new', () => {
  const tracker = started();
  assert.equal(tracker.take('message', { room: 'A', seq: 10 }).isNew, false);
  assert.equal(tracker.take('read-message', { n: 5 }).isNew, false);
  assert.deepEqual(at(tracker), [5, 'A', 10]);
});

test("another room's event, and one without a number, move nothing", () => {
  const tracker = started();
  assert.equal(tracker.take('message', { room: 'B', seq: 3 }).isNew, true);
  assert.equal(tracker.take('gift-message', { room: 'A', user: 'x' }).isNew, true);
  assert.deepEqual(at(tracker), [5, 'A', 10]);
});

test('entering begins a room, and leaving ends it', () => {
  const tracker = started();
  const entering = { room: 'B', seq: 3, type: 'new roommate', user: 'me' };
  assert.equal(tracker.take('service-message', entering).move, 'entered');
  assert.deepEqual(at(tracker), [5, 'B', 3]);
  assert.equal(tracker.take('service-message', { n: 6, room: 'B', seq: 9, type: 'kick', user: 'me' }).move, 'left');
  assert.deepEqual(at(tracker), [6, null, null]);
});

test("somebody else's entering and leaving are events like any other", () => {
  const tracker = started();
  for (const type of ['new roommate', 'leave', 'ban']) {
    assert.equal(tracker.take('service-message', { room: 'A', seq: tracker.position.seq + 1, type, user: 'x' }).move, null);
  }
  assert.deepEqual(at(tracker), [5, 'A', 13]);
});

test('what ended an earlier stay does not end this one', () => {
  const tracker = started();
  tracker.take('service-message', { room: 'A', seq: 15, type: 'new roommate', user: 'me' });
  assert.equal(tracker.take('service-message', { n: 6, room: 'A', seq: 14, type: 'leave', user: 'me' }).move, null);
  assert.equal(tracker.take('service-message', { n: 7, room: 'X', seq: 99, type: 'ban', user: 'me' }).move, null);
  assert.deepEqual(at(tracker), [7, 'A', 15]);
});

test('the numbers of ready count after the replay, and not before', () => {
  const tracker = started();
  const later = ready({ n: 9, seq: 20 });
  tracker.meet(later);
  assert.deepEqual(at(tracker), [5, 'A', 10]);
  tracker.take('message', { room: 'A', seq: 18 });
  assert.equal(tracker.finish(later), true);
  assert.deepEqual(at(tracker), [9, 'A', 20]);
});

test('a replay that ends in another room is not complete', () => {
  const tracker = started();
  assert.equal(tracker.finish(ready({ n: 7, room: 'B', seq: 2 })), false);
  assert.deepEqual(at(tracker), [7, 'B', 2]);
});

test('the removal of a room puts everybody out, and is about nobody', () => {
  const tracker = started();
  const removal = { n: 6, room: 'A', seq: 11, type: 'remove room', user: null };
  assert.equal(tracker.take('service-message', removal).move, 'left');
  assert.deepEqual(at(tracker), [6, null, null]);
});
