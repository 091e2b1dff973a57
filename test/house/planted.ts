// A copy of the house's configuration in a folder of its own, with files planted in it, so that the
// checkers run as they do on the real tree: same configuration, same paths, real files.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const configuration = [
  'package.json',
  'tsconfig.json',
  'eslint.config.mjs',
  '.dependency-cruiser.mjs',
  'scripts/lint/rules.mjs',
];

/** A planted tree; disposing of it removes it. */
export interface PlantedTree extends Disposable {
  readonly folder: string;
}

/** Plants `files` (path in the checkout -> content) in a copy of the house. */
export function plant(files: Readonly<Record<string, string>>): PlantedTree {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-house-'));
  const place = (path: string): string => {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    return target;
  };
  for (const path of configuration) copyFileSync(join(root, path), place(path));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const [path, content] of Object.entries(files)) writeFileSync(place(path), content);
  return {
    folder,
    [Symbol.dispose]: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
