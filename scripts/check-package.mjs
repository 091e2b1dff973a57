// Checks the built package: publint over the published files, each entry loaded by `require` and by
// `import` under its public name, and no import of a `.ts` path in `dist`.
import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { readPackage } from './read-package.mjs';

const packageJson = readPackage();
const { messages, pkg } = await publint({
  pkgDir: '.',
  pack: 'npm',
  level: 'warning',
  strict: true,
});
const problems = messages.map((message) => formatMessage(message, pkg) ?? message.code);

const require = createRequire(import.meta.url);
for (const [entry, target] of Object.entries(packageJson.exports)) {
  if (typeof target === 'string') continue;
  const name = entry.replace(/^\./, packageJson.name);
  try {
    // Fails on a top-level await anywhere below the entry.
    const required = namesOf(require(name));
    const imported = namesOf(await import(name));
    const missing = imported.filter((key) => !required.includes(key));
    if (missing.length > 0) problems.push(`require('${name}') lacks ${missing.join(', ')}`);
  } catch (error) {
    problems.push(`${name} cannot be loaded: ${String(error)}`);
  }
}

// The compiler leaves `import('./x.ts')` as it is in a function with `using`; the published package has no .ts.
const tsImport = /\bimport\(\s*(['"`])[^'"`]*\.ts\1|\bfrom\s*(['"])[^'"]*\.ts\2/;
for (const file of globSync('dist/**/*.js')) {
  const lines = readFileSync(file, 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    if (!tsImport.test(line)) continue;
    problems.push(
      `${file}:${index + 1} imports a .ts path: move the import out of the function with using`,
    );
  }
}

for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

/** @param {unknown} module */
function namesOf(module) {
  return Object.keys(/** @type {object} */ (module));
}
