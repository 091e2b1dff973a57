// Checks that the README names each command, so that a new command cannot be forgotten there.
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';

const readme = readFileSync('README.md', 'utf8');
/** The first cells of the table of commands. */
const cells = [...readme.matchAll(/^\| (`tocsin .+?) +\| (.+) \|$/gm)];
const program = await createProgram('');

/** Commands that commander adds itself. */
const own = (command: Command): readonly Command[] =>
  command.commands.filter((sub) => sub.name() !== 'help');

test.each(own(program).map((command) => [command.name(), command] as const))(
  'README.md names `tocsin %s` and its subcommands',
  (name, command) => {
    const rows = cells.filter(([, cell = '']) => new RegExp(`^\`tocsin ${name}[ \`]`).test(cell));
    expect(rows).not.toEqual([]);
    const text = rows.map(([row]) => row).join('\n');
    const words = new Set(text.match(/[a-z-]+/g));
    const names = own(command).map((sub) => sub.name());
    expect(names.filter((sub) => !words.has(sub))).toEqual([]);
  },
);
