// Looks at the built package as its users do: publint over what would be published, and every entry
// loaded by `require` and by `import` under its public name.
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

for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

/** @param {unknown} module */
function namesOf(module) {
  return Object.keys(/** @type {object} */ (module));
}
