// A typical chat server in Node: express, socket.io and the MongoDB driver, without tuning.
//
//   node looked_up.js|memory.js MONGO_URI    prints its port (joined.js has more arguments)
//
// It has the measured calls, with the same paths, bodies and documents; writes are as durable as the
// driver's default makes them. Message numbers are counted in memory and cost almost nothing: the
// load generator uses them to check that nothing is lost or out of order. One of several processes
// counts for itself, in steps that leave the numbers of the others out, so there is no common order.
"use strict";
const { createHash } = require("node:crypto");
const { createServer } = require("node:http");
const express = require("express");
const { MongoClient, ObjectId } = require("mongodb");
const { Server } = require("socket.io");
const reading = require("./reading");

// `remembered(load)` is how sessions, rooms and users are found: load as it is, or with a memory before it.
exports.serve = async (remembered, { adapter, number = 0, step = 1 } = {}) => {
    const client = await MongoClient.connect(process.argv[2]);
    const database = client.db("justchat");
    const [sessions, rooms, users, log, dialogs] = ["sessions", "rooms", "users", "log", "dialogs"].map((name) =>
        database.collection(name));
    const numbers = new Map();

    const sessionOf = remembered((key) => sessions.findOne({ digest: createHash("sha256").update(key).digest() }));
    const roomOf = remembered((id) => rooms.findOne({ _id: new ObjectId(id) }));
    const userOf = remembered((id) => users.findOne({ _id: new ObjectId(id) }));
    const unreadOf = remembered(reading.unread(log));

    const numberOf = (stream) => numbers.get(stream) || number;
    const nextNumber = (stream) => {
        numbers.set(stream, numberOf(stream) + step);
        return numberOf(stream);
    };

    const app = express();
    const server = createServer(app);
    const io = new Server(server, { serveClient: false, ...(adapter && { adapter }) });
    app.disable("x-powered-by");
    app.disable("etag");
    app.use(express.json({ type: () => true }));

    const call = (path, answer) => app.post(path, async (request, response) => {
        const session = await sessionOf(String(request.body.session_key));
        if (!session || session.expires_at < new Date()) {
            response.status(440).json({ error: "login-timeout" });
            return;
        }
        const [status, data] = await answer(session.user, request.body);
        response.status(status).json(data);
    });

    call("/room/sendMessage", async (author, { message }) => {
        const room = await roomOf(message.room_id);
        if (!room) return [404, { error: "room-not-found" }];
        if (!room.users.some((user) => user.equals(author))) return [403, { error: "not-in-room" }];
        const entry = {
            _id: new ObjectId(), stream: room._id, kind: "message", author, create_at: new Date(), text: message.text,
        };
        await log.insertOne(entry);
        const seq = nextNumber(message.room_id);
        io.to(message.room_id).emit("message", {
            error: null, _id: entry._id, room: room._id, seq, author, created_at: entry.create_at, text: entry.text,
        });
        return [200, { data: { message: {
            _id: entry._id, author, text: entry.text, room: room._id, user: null, ref_message: null, type: null,
            create_at: entry.create_at, seq,
        } } }];
    });

    call("/user/sendMessage", async (author, { message }) => {
        const user = await userOf(message.user);
        if (!user) return [404, { error: "user-not-found" }];
        const entry = {
            _id: new ObjectId(), stream: user._id, kind: "direct-message", author, user: user._id,
            create_at: new Date(), text: message.text, read: false, removed_by: [],
            pair: [String(author), message.user].sort().join(":"),
        };
        await log.insertOne(entry);
        io.to(message.user).emit("direct-message", {
            error: null, _id: entry._id, n: nextNumber(message.user), type: "direct-message", author, user: user._id,
            text: entry.text, created_at: entry.create_at,
        });
        const last = { $set: { last: entry._id, at: entry.create_at } };
        await dialogs.bulkWrite([[author, user._id], [user._id, author]].map(([owner, other]) => (
            { updateOne: { filter: { owner, other }, update: last, upsert: true } })), { ordered: false });
        return [200, { data: { message: [reading.direct(entry)] } }];
    });

    const readings = reading.calls({ rooms, log, dialogs, roomOf, unreadOf });
    for (const [path, answer] of Object.entries(readings)) call(path, answer);

    io.on("connection", (socket) => {
        socket.on("init", async ({ session_key: key }) => {
            const session = await sessionOf(key);
            const user = session && await userOf(String(session.user));
            if (!user) {
                socket.disconnect(true);
                return;
            }
            const [id, room] = [String(user._id), user.room && String(user.room)];
            socket.join(room ? [id, room] : id);
            socket.emit("ready", { error: null, user: id, n: numberOf(id), room, seq: room ? numberOf(room) : null });
        });
    });

    process.on("SIGTERM", () => process.exit(0));
    server.listen(0, "127.0.0.1", 4096, () => console.log(server.address().port));
};
