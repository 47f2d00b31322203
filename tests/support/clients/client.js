// One client of some kind, in Node or on a page: reports what happens to it by report(what, …).
// fetch polls Engine.IO by hand; websocket is the raw socket; v1 to v4 are the versions of socket.io-client.
function makeClient(kind, http, socket, report) {
  const load = typeof require === "undefined" ? null : require;

  async function call(path, body) {
    const answer = await fetch(http + path, { method: "POST", body: JSON.stringify(body) });
    report("answer", answer.status, await answer.json());
  }

  return { call, ...{ fetch: polling, websocket: raw }[kind]?.() ?? library() };

  function raw() {
    const Socket = load ? load("../socketio/node_modules/ws") : WebSocket;
    let ws;
    return {
      open() {
        ws = new Socket(socket);
        ws.onopen = () => report("opened");
        ws.onmessage = ({ data }) => {
          const event = JSON.parse(data);
          report("event", event.event, event.data);
        };
        ws.onclose = () => report("closed");
        ws.onerror = (error) => report("fault", String(error.message || error.type));
      },
      init: (data) => ws.send(JSON.stringify({ event: "init", data })),
      close: () => ws.close(),
    };
  }

  function library() {
    const io = load(`../socketio/node_modules/client-${kind}`);
    let client;
    return {
      open() {
        client = (io.io || io.connect || io)(http, { forceNew: true });
        client.on("connect", () => report("opened"));
        client.on("disconnect", () => report("closed"));
        for (const name of ["connect_error", "error"]) client.on(name, (error) => report("fault", String(error.message)));
        for (const name of ["ready", "caught-up", "message", "service-message", "direct-message"])
          client.on(name, (data) => report("event", name, data));
      },
      init: (data) => client.emit("init", data),
      close: () => client.close(),
    };
  }

  function polling() {
    let url;
    const post = (packet) => fetch(url, { method: "POST", body: packet });
    async function poll() {
      for (;;) {
        const answer = await fetch(url);
        if (answer.status !== 200) return;
        for (const packet of (await answer.text()).split("\x1e")) {
          if (packet === "2") await post("3");
          else if (packet === "1") return;
          else if (packet.startsWith("40")) report("opened");
          else if (packet.startsWith("42")) report("event", ...JSON.parse(packet.slice(2)));
        }
      }
    }
    return {
      async open() {
        url = http + "/socket.io/?EIO=4&transport=polling";
        const handshake = await (await fetch(url)).text();
        url += "&sid=" + JSON.parse(handshake.slice(1)).sid;
        await post("40");
        poll().then(() => report("closed"), (error) => report("fault", String(error)));
      },
      init: (data) => post("42" + JSON.stringify(["init", data])),
      close: () => post("1"),
    };
  }
}

if (typeof process !== "undefined") {
  const client = makeClient(...process.argv.slice(2), (...what) => process.stdout.write(JSON.stringify(what) + "\n"));
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const [command, ...more] = JSON.parse(line);
    client[command](...more);
  }).on("close", () => process.exit(0));
}
