// The server with memory as one of several processes, which socket.io's Redis adapter joins.
//
//   node joined.js MONGO_URI REDIS_SOCKET NUMBER PROCESSES
"use strict";
const { createAdapter } = require("@socket.io/redis-adapter");
const { createClient } = require("redis");

const connected = () => createClient({ socket: { path: process.argv[3] } }).connect();

Promise.all([connected(), connected()]).then(([publisher, subscriber]) => {
    const [number, step] = process.argv.slice(4).map(Number);
    require("./chat").serve(require("./remembered").remembered, {
        adapter: createAdapter(publisher, subscriber), number, step,
    });
});
