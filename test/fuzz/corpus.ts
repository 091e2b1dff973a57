// Bytes that failed once or are likely to fail: a folder for each boundary; every run tries every file.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('corpus', import.meta.url));

export type Corpus = 'lines' | 'http' | 'calendars' | 'calls';

/** The files of a boundary, by their names. */
export function corpusOf(name: Corpus): readonly Buffer[] {
  const files = readdirSync(join(folder, name)).toSorted();
  if (files.length === 0) throw new Error(`there is no corpus of ${name}`);
  return files.map((file) => readFileSync(join(folder, name, file)));
}
