// One real Socket.IO client. Commands come in on stdin, what happens goes out on stdout: a JSON array a line.
const [, , version, url, transports] = process.argv;
const io = require(`client-${version}`);
const tell = (...what) => process.stdout.write(JSON.stringify(what) + "\n");
const options = { reconnectionDelay: 100, reconnectionDelayMax: 300, forceNew: true };
if (transports !== "default") options.transports = [transports];
const socket = (io.io || io.connect || io)(url, options);

for (const name of ["ready", "caught-up", "error", "closing", "message", "service-message", "direct-message",
  "read-message", "gift-message"]) socket.on(name, (data) => tell(name, data));
socket.on("connect", () => tell("connect", socket.io.engine.transport.name));
socket.on("disconnect", (reason) => tell("disconnect", reason));
socket.io.on(version === "v1" || version === "v2" ? "open" : "open", () =>
  socket.io.engine.on("upgrade", (transport) => tell("upgrade", transport.name)));

let rest = "";
process.stdin.on("data", (chunk) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop();
  for (const line of lines) {
    const [event, data, acknowledge] = JSON.parse(line);
    if (acknowledge) socket.emit(event, data, (answer) => tell("acknowledged", answer));
    else socket.emit(event, data);
  }
});
process.stdin.on("end", () => process.exit(0));
