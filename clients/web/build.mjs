// Bundles the web client into the folder that is named, compressed ahead. Names of parts change with their content.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const [target] = process.argv.slice(2);
const { outputFiles } = await build({
  entryPoints: ['src/main.tsx', 'src/style.css'],
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  outdir: 'out',
  // Its licence asks that the notice goes with every copy.
  banner: { js: `/*! preact\n${readFileSync('node_modules/preact/LICENSE', 'utf-8')}*/` },
  write: false,
});

const parts = new Map();
let page = readFileSync('src/index.html', 'utf-8');
for (const { path, contents } of [...outputFiles, { path: 'icon.svg', contents: readFileSync('src/icon.svg') }]) {
  const [, name, suffix] = /([\w]+)(\.\w+)$/.exec(path);
  const hashed = `${name}-${createHash('sha256').update(contents).digest('hex').slice(0, 16)}${suffix}`;
  parts.set(hashed, contents);
  page = page.replace(`${name}${suffix}`, `web/${hashed}`);
}
parts.set('index.html', Buffer.from(page));

// In one step: a daemon that starts meanwhile finds the old files, the new ones, or none.
const fresh = `${target}.new`;
rmSync(fresh, { recursive: true, force: true });
mkdirSync(fresh, { recursive: true });
for (const [name, contents] of parts) {
  writeFileSync(join(fresh, name), contents);
  writeFileSync(join(fresh, `${name}.gz`), gzipSync(contents, { level: 9 }));
  writeFileSync(join(fresh, `${name}.br`), brotliCompressSync(contents));
}
rmSync(target, { recursive: true, force: true });
renameSync(fresh, target);
