// Checks that the documents' code imports only names that the package's entries export.
import { globSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { expect, test } from 'vitest';

const documents = ['README.md', 'ARCHITECTURE.md', ...globSync('docs/*.md')];

/** `[document, entry, name]` of each `import { name } from 'tocsin…'`. */
const imports = documents.flatMap((document) =>
  [
    ...readFileSync(document, 'utf8').matchAll(
      /import (?:type )?\{([^}]*)\} from '(tocsin(?:\/\w+)?)'/g,
    ),
  ].flatMap(([, names = '', entry = '']) =>
    names
      .split(',')
      .map((name) =>
        name
          .trim()
          .replace(/^type /, '')
          .replace(/ as .*/, ''),
      )
      .filter((name) => name !== '')
      .map((name) => [document, entry, name] as const),
  ),
);

const fileOf = (entry: string): string => `src/${entry.replace(/^tocsin\/?/, '') || 'index'}.ts`;

/** The names that an entry exports; entries only re-export. */
function exportsOf(entry: string): ReadonlySet<string> {
  const file = fileOf(entry);
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  const clauses = source.statements.filter(ts.isExportDeclaration).map((each) => each.exportClause);
  return new Set(
    clauses
      .filter((clause) => clause !== undefined && ts.isNamedExports(clause))
      .flatMap(({ elements }) => elements.map(({ name }) => name.text)),
  );
}

test('the documents import names of the package', () => {
  expect(imports.length).toBeGreaterThan(15);
});

test.each(imports)('%s imports from %s a name that it exports: %s', (_document, entry, name) => {
  expect([...exportsOf(entry)]).toContain(name);
});
