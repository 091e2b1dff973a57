// The public surface as text, in docs/api.txt: each public entry's names with their declarations, then
// everything of ours that those declarations lead to. A change of the surface shows as a change of that
// file, or fails the check. `--write` updates it; both read the declarations in dist.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import ts from 'typescript';
import { readPackage } from './read-package.mjs';

const reportFile = 'docs/api.txt';
const isWriting = process.argv.includes('--write');

if (isWriting) {
  const { status } = spawnSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
const report = reportOf(publicEntries());
if (isWriting) {
  writeFileSync(reportFile, report);
} else {
  const committed = existsSync(reportFile) ? readFileSync(reportFile, 'utf8') : '';
  const difference = firstDifference(committed, report);
  if (difference !== undefined) {
    console.error(`The public API differs from ${reportFile}, ${difference}`);
    console.error('If that is meant: npm run api, and commit the file.');
    process.exitCode = 1;
  }
}

/** @returns {[name: string, declarations: string][]} */
function publicEntries() {
  const { name, exports } = readPackage();
  return Object.entries(exports).flatMap(([key, target]) =>
    typeof target === 'string' ? [] : [[key.replace(/^\./, name), resolve(target.types)]],
  );
}

/** @param {[name: string, declarations: string][]} entries */
function reportOf(entries) {
  const program = ts.createProgram({
    rootNames: entries.map(([, file]) => file),
    options: {
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2024,
      types: ['node'],
      skipLibCheck: true,
    },
  });
  const checker = program.getTypeChecker();
  const printer = ts.createPrinter({ removeComments: true, newLine: ts.NewLineKind.LineFeed });
  /** @type {Set<ts.Symbol>} */
  const seen = new Set();
  const sections = entries.map(([name, file]) => {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    if (module === undefined)
      throw new Error(`${relative('.', file)} is missing or exports nothing`);
    const symbols = checker.getExportsOfModule(module);
    return section(`'${name}'`, symbols);
  });
  // Grows while it is walked: what is reached leads further.
  const reached = [...seen].flatMap(leadsTo);
  for (const symbol of reached) reached.push(...leadsTo(symbol));
  return [...sections, section('not exported, but part of the above', reached)].join('\n');

  /**
   * @param {string} title
   * @param {readonly ts.Symbol[]} symbols
   */
  function section(title, symbols) {
    const declared = symbols
      .map((symbol) => `${symbol.name}\n${textOf(original(symbol))}`)
      .sort((a, b) => (a < b ? -1 : 1));
    return `## ${title}\n\n${declared.join('\n')}`;
  }

  /** @param {ts.Symbol} symbol */
  function textOf(symbol) {
    seen.add(symbol);
    return ours(symbol)
      .map((declaration) => {
        const text = printer.printNode(
          ts.EmitHint.Unspecified,
          statementOf(declaration),
          declaration.getSourceFile(),
        );
        return `${text.replaceAll(/^/gm, '    ')}\n`;
      })
      .join('');
  }

  /** The symbols of ours, not met before, that a declaration names. @param {ts.Symbol} symbol */
  function leadsTo(symbol) {
    /** @type {ts.Symbol[]} */
    const found = [];
    /** @param {ts.Node} node */
    const visit = (node) => {
      const named = ts.isIdentifier(node) && checker.getSymbolAtLocation(node);
      const target = named ? original(named) : undefined;
      if (target && !seen.has(target) && ours(target).some(isTopLevel)) {
        seen.add(target);
        found.push(target);
      }
      ts.forEachChild(node, visit);
    };
    for (const declaration of ours(symbol)) visit(declaration);
    return found;
  }

  /** @param {ts.Symbol} symbol */
  function original(symbol) {
    return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  }
}

/** @param {ts.Symbol} symbol */
function ours(symbol) {
  const declarations = symbol.declarations ?? [];
  return declarations.filter((node) => !node.getSourceFile().fileName.includes('/node_modules/'));
}

/** @param {ts.Declaration} declaration */
function isTopLevel(declaration) {
  return ts.isSourceFile(statementOf(declaration).parent);
}

/** A constant's declaration stands two levels below its statement. @param {ts.Declaration} declaration */
function statementOf(declaration) {
  return ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
}

/**
 * @param {string} before
 * @param {string} after
 */
function firstDifference(before, after) {
  if (before === after) return undefined;
  const [old, now] = [before.split('\n'), after.split('\n')];
  const at = now.findIndex((line, index) => line !== old[index]);
  const index = at === -1 ? now.length : at;
  return `line ${String(index + 1)}:\n- ${old[index] ?? ''}\n+ ${now[index] ?? ''}`;
}
