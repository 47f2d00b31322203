// The reference server, with the bounds of the daemon it is compared with. Prints its port.
const { createServer } = require("node:http");
const { Server } = require("socket.io");
const server = createServer();
new Server(server, { allowEIO3: true, maxHttpBufferSize: Number(process.argv[2]), serveClient: false });
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
