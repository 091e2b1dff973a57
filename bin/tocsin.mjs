#!/usr/bin/env node
// `tocsin`: from source on the pinned Node in a checkout, from dist in an installed package.
import { existsSync } from 'node:fs';

const setUp = new URL('../scripts/run.mjs', import.meta.url);
const built = new URL('../dist/main.js', import.meta.url);
const oldestMajor = 24;

if (existsSync(setUp)) {
  process.argv.splice(2, 0, 'tocsin');
  await import(setUp.href);
} else if (Number(process.versions.node.split('.', 1)[0]) < oldestMajor) {
  console.error(`tocsin: Node ${process.versions.node} is too old: install Node 24 or newer.`);
  process.exitCode = 2;
} else {
  // Early 24.x remarks on every use of node:sqlite that it is new.
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') console.error(`tocsin: ${warning.message}`);
  });
  await import(built.href);
}
