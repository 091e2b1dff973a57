// `tocsin verify-proof`: checks a proof with the notary's public key alone.
import type { Command } from 'commander';
import { verifyProof, type ProofReport } from '../../projections/audit/proof/verify-proof.ts';
import { readTextFile } from '../config/usage-error.ts';
import { EXIT, type Terminal } from '../terminal/terminal.ts';
import { keyText } from './audit-heads.ts';
import { register, type Work } from './command.ts';

type Options = { readonly file: string; readonly key: string };

export function verifyProofCommand(program: Command): void {
  register(
    program
      .command('verify-proof <FILE>')
      .description('check a proof of the log offline, with the notary’s public key alone')
      .requiredOption('--key <KEY>', 'the notary’s public key: a PEM file, or what it published'),
    [],
    `FILE is what "audit prove" or "audit consistency" wrote. Get the key from the notary by another way than the
proof. The command needs no server, no log and no settings, and exits with 1 if the proof does not hold.

Example:
  tocsin verify-proof proof.json --key notary-keys.json`,
    check,
    { useRunFile: () => false },
  );
}

const check: Work<Options> = async ({ terminal }, { file, key }) => {
  const text = readTextFile(file, 'file_unusable', 'Check the path of the proof.');
  const report = verifyProof(text, keyText(key));
  terminal.print(report);
  show(terminal, report);
  return Promise.resolve(report.faults.length === 0 ? EXIT.done : EXIT.partly);
};

function show({ say }: Terminal, report: ProofReport): void {
  const { head, older, about, events, faults } = report;
  if (older !== null) say(`older head: ${older.size} leaves, signed ${older.time}`);
  say(`${older === null ? 'head' : 'newer head'}: ${head.size} leaves, signed ${head.time}`);
  say(`log ${head.store}, key ${head.key}`);
  if (about !== '') say(`about ${about}:`);
  for (const { leaf, type, stream, revision, recordedAt, actor, personal } of events) {
    const by = actor === '' ? '' : `, by ${actor}`;
    say(`  leaf ${leaf}  ${recordedAt}  ${type}, event ${revision} of ${stream}${by}`);
    if (personal !== undefined) say(`    ${JSON.stringify(personal)}`);
  }
  for (const { code, detail } of faults) say(`${code}: ${detail}`);
  if (faults.length > 0) say('The proof does not hold.');
  else if (older === null)
    say('The proof holds: these events were in the log when the head was signed.');
  else say('The proof holds: the newer log begins with the older log, unchanged.');
}
