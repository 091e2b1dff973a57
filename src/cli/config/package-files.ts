// Files of the package that contain no code. A checkout has its code in src, the published package in dist.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseJson } from '../../domain/core/json.ts';

/** The address of a file of the package, by its path from the package's root. */
export function packageFile(path: string): URL {
  const root = import.meta.url.endsWith('.ts') ? '../../../' : '../';
  return new URL(`${root}${path}`, import.meta.url);
}

/** The version of the package. */
export function packageVersion(): string {
  const text = readFileSync(packageFile('package.json'), 'utf8');
  return z.object({ version: z.string() }).parse(parseJson(text)).version;
}
