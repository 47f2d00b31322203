// Runs what comes on standard input, as {id, code} in JSON, one a line: the bodies of async functions. What they return
// goes out as {id, value} or {id, error}. The storage is a file, so that it outlives the process.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [bundle, file] = process.argv.slice(2);
const AsyncFunction = (async () => {}).constructor;

const values = () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf-8')) : {});
// In one step: the process may be killed meanwhile.
const write = (all) => {
  writeFileSync(`${file}.new`, JSON.stringify(all));
  renameSync(`${file}.new`, file);
};
globalThis.lib = await import(bundle);
globalThis.storage = {
  getItem: async (key) => values()[key] ?? null,
  setItem: async (key, value) => write({ ...values(), [key]: value }),
  removeItem: async (key) => write({ ...values(), [key]: undefined }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, code } = JSON.parse(line);
  const say = (what) => process.stdout.write(`${JSON.stringify({ id, ...what })}\n`);
  new AsyncFunction(code)().then((value) => say({ value }), (error) => say({ error: String(error.stack ?? error) }));
}
process.exit();
