// Real Socket.IO clients, many in one Node. Commands come in on stdin, what happens goes out on stdout: a JSON array a
// line, of which the first item is the client's number.
const sockets = new Map();
const names = ["ready", "caught-up", "error", "closing", "message", "service-message", "direct-message",
  "read-message", "gift-message"];

function open(number, version, url, transports) {
  const report = (...what) => process.stdout.write(JSON.stringify([number, ...what]) + "\n");
  const io = require(`client-${version}`);
  const options = { reconnectionDelay: 100, reconnectionDelayMax: 300, forceNew: true };
  if (transports !== "default") options.transports = [transports];
  const socket = (io.io || io.connect || io)(url, options);
  sockets.set(number, { socket, report });
  for (const name of names) socket.on(name, (data) => report(name, data));
  socket.on("connect", () => report("connect", socket.io.engine.transport.name));
  socket.on("disconnect", (reason) => report("disconnect", reason));
  const watch = () => socket.io.engine.on("upgrade", (transport) => report("upgrade", transport.name));
  socket.io.on("open", watch);
}

function emit({ socket, report }, name, data, acknowledge) {
  if (acknowledge) socket.emit(name, data, (answer) => report("acknowledged", answer));
  else socket.emit(name, data);
}

let rest = "";
process.stdin.on("data", (chunk) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop();
  for (const line of lines) {
    const [number, what, ...more] = JSON.parse(line);
    if (what === "open") open(number, ...more);
    else if (what === "emit") emit(sockets.get(number), ...more);
    else {
      sockets.get(number).socket.close();
      sockets.delete(number);
    }
  }
});
process.stdin.on("end", () => process.exit(0));
