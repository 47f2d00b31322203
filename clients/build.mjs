// Bundles the pages that the daemon serves into the folder that is named, compressed ahead. A page is a folder with an
// `index.html`, which names its parts as they are called here; their names change with their content.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** By the name of the page's file. */
const PAGES = {
  'index.html': 'web/src',
  'account.html': 'account/src',
  'console.html': 'console/src',
  'calls.html': 'docs/calls',
  'events.html': 'docs/events',
};
/** What licences ask to go with every copy, of what is in the bundle of each page, and in those of some. */
const NOTICES = ['preact/LICENSE'];
const MORE_NOTICES = {
  'calls.html': [
    ...['NOTICE', 'LICENSE', 'swagger-ui-es-bundle.js.LICENSE.txt'].map((file) => `swagger-ui-dist/${file}`),
    'dompurify/LICENSE',
  ],
};
const ICON = { path: 'icon.svg', contents: readFileSync('shared/icon.svg') };
const files = new Map();

function notice(file) {
  return `/*! ${file}\n${readFileSync(`node_modules/${file}`, 'utf-8').replaceAll(/\/\*!?|\*\//g, '')}*/`;
}

for (const [name, folder] of Object.entries(PAGES)) {
  const { outputFiles } = await build({
    entryPoints: [`${folder}/main.tsx`, `${folder}/style.css`],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    // One copy, whatever an older checkout has left in a page's own folder: hooks of another copy fail.
    alias: { preact: resolve('node_modules/preact') },
    outdir: 'out',
    banner: { js: [...NOTICES, ...(MORE_NOTICES[name] ?? [])].map(notice).join('\n') },
    write: false,
  });
  let page = readFileSync(`${folder}/index.html`, 'utf-8');
  for (const { path, contents } of [...outputFiles, ICON]) {
    const [part, stem, suffix] = /([\w]+)(\.\w+)$/.exec(path);
    const hashed = `${stem}-${createHash('sha256').update(contents).digest('hex').slice(0, 16)}${suffix}`;
    files.set(hashed, contents);
    page = page.replace(part, `web/${hashed}`);
  }
  files.set(name, Buffer.from(page));
}

// In one step: a daemon that starts meanwhile finds the old files, the new ones, or none.
const [target] = process.argv.slice(2);
const fresh = `${target}.new`;
rmSync(fresh, { recursive: true, force: true });
mkdirSync(fresh, { recursive: true });
for (const [name, contents] of files) {
  writeFileSync(join(fresh, name), contents);
  writeFileSync(join(fresh, `${name}.gz`), gzipSync(contents, { level: 9 }));
  writeFileSync(join(fresh, `${name}.br`), brotliCompressSync(contents));
}
rmSync(target, { recursive: true, force: true });
renameSync(fresh, target);
