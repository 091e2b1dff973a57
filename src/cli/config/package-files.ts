// Files of the package that are no code. In a checkout the code stands in src, in the published package it
// is bundled into files directly in dist.

/** The address of a file of the package, by its path from the package's root. */
export function packageFile(path: string): URL {
  const root = import.meta.url.endsWith('.ts') ? '../../../' : '../';
  return new URL(`${root}${path}`, import.meta.url);
}
