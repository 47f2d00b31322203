// The usual way to build such a chat: Express, Socket.IO and MongoDB's driver with its default write concern.
// node server.js MONGO_URI looked-up|memory: where a request's session and room come from.
"use strict";

const { createServer } = require("node:http");
const express = require("express");
const { MongoClient, ObjectId } = require("mongodb");
const { Server } = require("socket.io");

const [uri, way] = process.argv.slice(2);

async function main() {
  const client = await MongoClient.connect(uri);
  const db = client.db("peer");
  const messages = db.collection("messages");
  await messages.createIndex({ room: 1, create_at: 1 });
  const user = new ObjectId();
  const session = { key: new ObjectId().toHexString(), user };
  const room = { _id: new ObjectId(), users: [user] };
  await db.collection("sessions").createIndex({ key: 1 }, { unique: true });
  await db.collection("sessions").insertOne({ ...session });
  await db.collection("rooms").insertOne({ ...room });

  const sessions = new Map([[session.key, session]]);
  const rooms = new Map([[room._id.toHexString(), room]]);
  const find =
    way === "memory"
      ? { session: async (key) => sessions.get(key), room: async (id) => rooms.get(id) }
      : {
          session: (key) => db.collection("sessions").findOne({ key }),
          room: (id) => db.collection("rooms").findOne({ _id: new ObjectId(id) }),
        };

  let seq = 0; // what the load generator looks for; how it is kept is left out of the comparison

  const app = express();
  app.disable("x-powered-by").disable("etag");
  app.use(express.json({ type: () => true }));
  const server = createServer(app);
  const io = new Server(server);

  app.post("/room/sendMessage", async (request, answer) => {
    const { session_key: key, message } = request.body;
    if (typeof key !== "string" || typeof message?.room_id !== "string" || typeof message?.text !== "string") {
      return answer.status(400).json({ error: "Bad Request" });
    }
    const found = await find.session(key);
    if (!found) return answer.status(440).json({ error: "Login Timeout" });
    const place = await find.room(message.room_id);
    if (!place) return answer.status(404).json({ error: "Not Found" });
    if (!place.users.some((each) => each.equals(found.user))) return answer.status(403).json({ error: "Forbidden" });
    const said = { seq: ++seq, room: place._id, author: found.user, text: message.text, create_at: new Date() };
    await messages.insertOne(said);
    io.to(message.room_id).emit("message", { error: null, ...said });
    answer.json({ data: { message: said } });
  });

  server.listen(0, "127.0.0.1", () => {
    console.log(JSON.stringify({ port: server.address().port, key: session.key, room: room._id.toHexString() }));
  });
}

main();
