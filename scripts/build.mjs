// Emits dist from nothing: what an older build left there must not be published.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import ts from 'typescript';
import { readPackage } from './read-package.mjs';

const dist = 'dist';

rmSync(dist, { recursive: true, force: true });
const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'];
const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' });
process.exitCode = status ?? 1;
if (status === 0) {
  await bundleMetricsSdk();
  stripComments();
  removeUnreachableDeclarations();
}

/** Puts the parts of the metrics SDK that the daemon uses into one file of ours, with their licence. */
async function bundleMetricsSdk() {
  const file = join(dist, 'adapters/telemetry/sdk.js');
  const bundle = await rolldown({ input: file, platform: 'node', logLevel: 'warn' });
  const licence = 'Copyright The OpenTelemetry Authors. SPDX-License-Identifier: Apache-2.0';
  await bundle.write({ file, format: 'esm', banner: `/*! ${licence} */`, comments: false });
  await bundle.close();
}

/** Comments serve readers of the source; those that users see are in the declarations. */
function stripComments() {
  const compilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2024,
    removeComments: true,
  };
  for (const file of filesEndingWith('.js')) {
    const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), { compilerOptions });
    writeFileSync(file, outputText);
  }
}

/** Nobody can import a declaration that no public entry leads to. */
function removeUnreachableDeclarations() {
  const entries = Object.values(readPackage().exports).flatMap((target) =>
    typeof target === 'string' ? [] : [resolve(target.types)],
  );
  const reached = new Set(entries);
  for (const file of reached) {
    const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'));
    for (const { fileName } of importedFiles) {
      if (!fileName.startsWith('.')) continue;
      reached.add(resolve(dirname(file), fileName.replace(/\.[tj]s$/, '.d.ts')));
    }
  }
  for (const file of filesEndingWith('.d.ts')) if (!reached.has(resolve(file))) rmSync(file);
}

/** @param {string} ending */
function filesEndingWith(ending) {
  return readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(dist, file));
}
