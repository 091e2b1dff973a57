// Checks the built package: publint over the published files, each entry loaded by `require` and by
// `import` under its public name, its types under a strict consumer's settings, no import of a `.ts` path
// in `dist`, and the size of an installation.
import { globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import ts from 'typescript';
import { readLock, readPackage } from './read-package.mjs';

/** What an installation of the package and its dependencies may take, in files of whole blocks. */
const maxInstalledKiB = 40 * 1024;
const blockBytes = 4096;

const packageJson = readPackage();
const entries = Object.entries(packageJson.exports)
  .filter(([, target]) => typeof target !== 'string')
  .map(([entry]) => entry.replace(/^\./, packageJson.name));

const { messages, pkg } = await publint({
  pkgDir: '.',
  pack: 'npm',
  level: 'warning',
  strict: true,
});
const problems = [
  ...messages.map((message) => formatMessage(message, pkg) ?? message.code),
  ...(await loadingProblems()),
  ...typeProblems('nodenext'),
  ...typeProblems('bundler'),
  ...sizeProblems(),
  ...sourceImports(),
];

for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

async function loadingProblems() {
  const require = createRequire(import.meta.url);
  /** @type {string[]} */
  const found = [];
  for (const name of entries) {
    try {
      // Fails on a top-level await anywhere below the entry.
      const required = namesOf(require(name));
      const imported = namesOf(await import(name));
      const missing = imported.filter((key) => !required.includes(key));
      if (missing.length > 0) found.push(`require('${name}') lacks ${missing.join(', ')}`);
    } catch (error) {
      found.push(`${name} cannot be loaded: ${String(error)}`);
    }
  }
  return found;
}

/**
 * A consumer that imports every entry and checks the declarations of its libraries too.
 *
 * @param {'nodenext' | 'bundler'} resolution
 */
function typeProblems(resolution) {
  const isBundled = resolution === 'bundler';
  const file = resolve('consumer.mts');
  const text = entries.map((name, n) => `export * as e${n} from '${name}';\n`).join('');
  const options = {
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    target: ts.ScriptTarget.ES2024,
    lib: ['lib.es2024.d.ts', 'lib.esnext.disposable.d.ts'],
    types: ['node'],
    module: isBundled ? ts.ModuleKind.ESNext : ts.ModuleKind.NodeNext,
    moduleResolution: isBundled
      ? ts.ModuleResolutionKind.Bundler
      : ts.ModuleResolutionKind.NodeNext,
  };
  const host = ts.createCompilerHost(options);
  host.readFile = (name) => (name === file ? text : ts.sys.readFile(name));
  host.fileExists = (name) => name === file || ts.sys.fileExists(name);
  const program = ts.createProgram([file], options, host);
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const where = diagnostic.file?.fileName ?? '';
    const what = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n');
    return `types under ${resolution}: ${where}: ${what}`;
  });
}

/** The compiler leaves `import('./x.ts')` as it is in a function with `using`; the package has no .ts. */
function sourceImports() {
  const tsImport = /\bimport\(\s*(['"`])[^'"`]*\.ts\1|\bfrom\s*(['"])[^'"]*\.ts\2/;
  return globSync('dist/**/*.js')
    .filter((file) => tsImport.test(readFileSync(file, 'utf8')))
    .map((file) => `${file} imports a .ts path: move the import out of the function with using`);
}

/** What `npm install` of the package takes: its own files and those of its locked dependencies. */
function sizeProblems() {
  /**
   * By name and version: this checkout nests copies that an installation of its own hoists.
   *
   * @type {Map<string, string>}
   */
  const installed = new Map();
  for (const [path, { version, dev, devOptional }] of Object.entries(readLock().packages)) {
    // The checkout's own @types/node stands in for the older copy that an installation gets, once.
    const isOurs = path === '' || path === 'node_modules/@types/node';
    if (isOurs || dev === true || devOptional === true) continue;
    installed.set(`${path.split('node_modules/').at(-1)}@${version}`, path);
  }
  const KiB = ['dist', ...installed.values()].reduce((sum, path) => sum + sizeOf(path), 0) / 1024;
  console.log(`installed size: ${(KiB / 1024).toFixed(1)} MiB`);
  if (KiB <= maxInstalledKiB) return [];
  return [`an installation takes ${Math.ceil(KiB)} KiB; at most ${maxInstalledKiB} are allowed`];
}

/**
 * @param {string} folder
 * @returns {number} bytes in whole blocks, without the packages inside it, which the lock file names
 */
function sizeOf(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules')
    .map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return blockBytes + sizeOf(path);
      return Math.ceil(statSync(path).size / blockBytes) * blockBytes;
    })
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** @param {unknown} module */
function namesOf(module) {
  return Object.keys(/** @type {object} */ (module));
}
