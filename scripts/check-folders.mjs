// No folder of src may depend on itself by way of another folder. The import checker sees cycles of files;
// it takes a folder together with its subfolders, so it does not see a parent and a child that need each
// other. Here each folder stands for the files directly in it. `[ROOT]`: another tree, for tests.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import process from 'node:process';
import ts from 'typescript';

const root = process.argv[2] ?? '.';

/** @type {Map<string, Map<string, string>>} folder -> folder that it imports -> one import as an example */
const folders = new Map();
const files = globSync('src/**/*.ts', { cwd: root });
for (const file of files) {
  const from = dirname(file);
  for (const { fileName } of ts.preProcessFile(readFileSync(join(root, file), 'utf8'))
    .importedFiles) {
    if (!fileName.startsWith('.')) continue;
    const target = normalize(join(from, fileName));
    const to = dirname(target);
    const imports = folders.get(from) ?? new Map();
    folders.set(from, imports);
    if (to !== from && !imports.has(to)) imports.set(to, `${file} -> ${target}`);
  }
}

const cycles = [...folders.keys()].flatMap(cycleFrom);
for (const cycle of cycles) console.error(`folder cycle:\n  ${cycle.join('\n  ')}`);
if (files.length === 0) console.error(`no source files in ${root}`);
process.exitCode = cycles.length > 0 || files.length === 0 ? 1 : 0;

/**
 * The shortest way from a folder back to itself, told once for each cycle: by its first folder.
 *
 * @param {string} start
 * @returns {string[][]}
 */
function cycleFrom(start) {
  /** @type {{ folder: string, way: string[], seen: string[] }[]} */
  const queue = [{ folder: start, way: [], seen: [start] }];
  const visited = new Set();
  for (const { folder, way, seen } of queue) {
    for (const [next, example] of folders.get(folder) ?? []) {
      const isCycle = next === start && seen.every((other) => other >= start);
      if (isCycle) return [[...way, example]];
      if (next === start || visited.has(next)) continue;
      visited.add(next);
      queue.push({ folder: next, way: [...way, example], seen: [...seen, next] });
    }
  }
  return [];
}
