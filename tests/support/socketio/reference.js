// A reference server, of version 4 or 2, with the bounds of the daemon it is compared with. Prints its port.
const { createServer } = require("node:http");
const server = createServer();
const [bound, version] = process.argv.slice(2);
const options = { maxHttpBufferSize: Number(bound), serveClient: false };
if (version === "2") require("socket.io-v2")(server, options);
else new (require("socket.io").Server)(server, { ...options, allowEIO3: true });
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
