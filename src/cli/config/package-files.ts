// Files of the package that are no code. A checkout has its code in src, the published package in dist.

/** The address of a file of the package, by its path from the package's root. */
export function packageFile(path: string): URL {
  const root = import.meta.url.endsWith('.ts') ? '../../../' : '../';
  return new URL(`${root}${path}`, import.meta.url);
}
