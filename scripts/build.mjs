// Emits dist from nothing: what an older build left there must not be published. The compiler emits the
// declarations. The code is bundled: to load an entry from one file for each module takes twice as long.
import { spawnSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import ts from 'typescript';
import { readPackage } from './read-package.mjs';

const dist = 'dist';

const entries = Object.entries(readPackage().exports).flatMap(([key, target]) =>
  typeof target === 'string' ? [] : [{ key, declarations: resolve(target.types) }],
);

/** Entries that load little: they must not load what the core entry has besides. */
const lightEntries = ['contracts.ts', 'eventstoredb.ts', 'nats.ts', 'otel.ts', 'sqlite.ts'];

/** What a module imports, by its path. @type {Map<string, Set<string>>} */
const reached = new Map();

rmSync(dist, { recursive: true, force: true });
const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'];
const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' });
process.exitCode = status ?? 1;
if (status === 0) {
  removeUnreachableDeclarations();
  await bundle();
  copyExamples();
  copyConsole();
}

/** What the pages of the console load, with the types of its script stripped. */
function copyConsole() {
  const [from, to] = ['src/console/client', `${dist}/console`];
  mkdirSync(to, { recursive: true });
  for (const name of ['console.css', 'icon.svg']) copyFileSync(`${from}/${name}`, `${to}/${name}`);
  const script = readFileSync(`${from}/console.ts`, 'utf8');
  writeFileSync(`${to}/console.js`, stripTypeScriptTypes(script));
}

/** The examples as a user of the package has them: they import the package by its name. */
function copyExamples() {
  mkdirSync(`${dist}/examples`);
  for (const file of globSync('examples/*.ts')) {
    const text = readFileSync(file, 'utf8')
      .replaceAll("'../src/index.ts'", "'tocsin'")
      .replaceAll(/'\.\.\/src\/(\w+)\.ts'/g, "'tocsin/$1'");
    writeFileSync(join(dist, file), text);
  }
}

/**
 * Public entries, the command line and the embedded store's thread, with what they share in files beside them. Packages of
 * which little is used are bundled too: the metrics SDK is 17 MB, of which the daemon uses 130 KB.
 */
async function bundle() {
  const sources = {
    ...Object.fromEntries(entries.map(({ key }) => [nameOf(key), `src/${nameOf(key)}.ts`])),
    main: 'src/cli/main.ts',
    'embedded-worker': 'src/adapters/eventstore/embedded/worker.ts',
  };
  const build = await rolldown({
    input: sources,
    platform: 'node',
    // A package's imports of its own files begin with `#`.
    external: (id) => /^[^./#]/.test(id) && !/^(?:@opentelemetry\/|re2js$)/.test(id),
    logLevel: 'warn',
  });
  await build.write({
    dir: dist,
    format: 'esm',
    chunkFileNames: '[name].js',
    codeSplitting: {
      groups: [
        part('embedded-engine', 3, ['adapters/eventstore/embedded/worker.ts']),
        part('base', 2, lightEntries),
        part('core', 1, ['index.ts']),
      ],
    },
    banner: ({ moduleIds }) =>
      moduleIds.some((id) => id.includes('/node_modules/@opentelemetry/'))
        ? '/*! Parts: Copyright The OpenTelemetry Authors, SPDX-License-Identifier: Apache-2.0 */'
        : '',
  });
  await build.close();
}

/**
 * A file for all modules of the core entry that these modules load.
 *
 * @param {string} name
 * @param {number} priority of several parts that a module fits, the one with the highest takes it
 * @param {readonly string[]} paths in src
 * @returns {import('rolldown').CodeSplittingGroup}
 */
function part(name, priority, paths) {
  return {
    debugName: name,
    priority,
    name: (id, context) => {
      const isReached = (/** @type {string} */ path) =>
        reachedFrom(resolve('src', path), context).has(id);
      return isReached('index.ts') && paths.some(isReached) ? name : null;
    },
  };
}

/**
 * The modules that a module imports statically, directly or not, and itself.
 *
 * @param {string} start
 * @param {import('rolldown').ChunkingContext} context
 */
function reachedFrom(start, context) {
  const known = reached.get(start);
  if (known !== undefined) return known;
  const found = new Set([start]);
  for (const id of found) {
    for (const next of context.getModuleInfo(id)?.importedIds ?? []) found.add(next);
  }
  reached.set(start, found);
  return found;
}

/** @param {string} key of the package's exports */
function nameOf(key) {
  return key === '.' ? 'index' : key.slice('./'.length);
}

/** Nobody can import a declaration that no public entry leads to. */
function removeUnreachableDeclarations() {
  const kept = new Set(entries.map(({ declarations }) => declarations));
  for (const file of kept) {
    const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'));
    for (const { fileName } of importedFiles) {
      if (!fileName.startsWith('.')) continue;
      kept.add(resolve(dirname(file), fileName.replace(/\.[tj]s$/, '.d.ts')));
    }
  }
  for (const file of globSync(`${dist}/**/*.d.ts`)) if (!kept.has(resolve(file))) rmSync(file);
}
