// The calls that read: the daemon's queries, on a database that the daemon has filled.
"use strict";
const { ObjectId } = require("mongodb");

const direct = (entry) => ({
    _id: entry._id, author: entry.author, user: entry.user, text: entry.text, room: null, ref_message: null,
    type: null, create_at: entry.create_at, read: Boolean(entry.read_at), read_at: entry.read_at || null,
});

const inRoom = (entry) => ({
    _id: entry._id, author: entry.author, text: entry.text, room: entry.stream, user: entry.user || null,
    ref_message: entry.ref_message || null, type: entry.kind === "message" ? null : entry.kind,
    create_at: entry.create_at, seq: entry.seq,
});

const shown = (room) => ({
    _id: room._id, name: room.name, max_users: room.max_users, admin: room.admin, moderators: room.moderators,
    users: room.users, banned: room.banned, visiters: room.visiters, silently: room.silently,
    is_private: room.private, create_at: room.create_at, created_at: room.create_at,
});

const LISTED = "removed_private_full_order_create_at__id_folded";
const NOT_SHOWN = { trigrams: 0, folded: 0 };
const EITHER = { $in: [false, true] };

exports.direct = direct;

// As the daemon does: a count that took long is kept for ten times as long as it took.
const counting = (rooms) => {
    let [count, until] = [0, 0];
    return async (query) => {
        const began = Date.now();
        if (began < until) return count;
        count = await rooms.countDocuments(query);
        const took = Date.now() - began;
        if (took > 100) until = began + 10 * took;
        return count;
    };
};

exports.unread = (log) => (user) => log.aggregate([
    { $match: { kind: "direct-message", user: new ObjectId(user), read: false } },
    { $group: { _id: "$author", n: { $sum: 1 } } },
], { hint: "user_author_read_kind" }).toArray();

exports.calls = ({ rooms, log, dialogs, roomOf, unreadOf }, counted = counting(rooms)) => ({
    "/room/chat": async (user, { room: id, skip = 0, limit = 100 }) => {
        const room = await roomOf(id);
        if (!room) return [404, { error: "room-not-found" }];
        if (![...room.users, room.admin].some((each) => each.equals(user))) return [403, { error: "not-in-room" }];
        const chat = await log.find({ stream: room._id, seq: { $gt: skip } })
            .sort({ stream: 1, seq: 1 }).limit(limit).toArray();
        return [200, { data: { chat: chat.map(inRoom) } }];
    },

    "/room/get": async (user, { page = 1, per_page: perPage = 40 }) => {
        const query = { removed: false, private: EITHER, full: EITHER };
        const [found, count] = await Promise.all([
            rooms.find(query).project(NOT_SHOWN).sort({ order: -1, create_at: -1, _id: -1 }).hint(LISTED)
                .skip((page - 1) * perPage).limit(perPage).toArray(),
            counted(query),
        ]);
        return [200, { data: { rooms: found.map(shown), count } }];
    },

    "/user/dialogs": async (user) => {
        const mine = await dialogs.find({ owner: user }).sort({ at: -1 }).limit(500).toArray();
        const [last, unread] = await Promise.all([
            log.find({ _id: { $in: mine.map((dialog) => dialog.last) } }).toArray(),
            unreadOf(String(user)),
        ]);
        const messages = new Map(last.map((entry) => [String(entry._id), entry]));
        const counts = new Map(unread.map((row) => [String(row._id), row.n]));
        return [200, { data: { dialogs: mine.map((dialog) => ({
            user: dialog.other, last_message: direct(messages.get(String(dialog.last))),
            unread: counts.get(String(dialog.other)) || 0,
        })) } }];
    },
});
