// `npm run bench [-- CASE ...] [--rounds N] [--quick] [--json] [--record]`: product and limits in turn, and whether
// the project's targets are reached. What is measured, and what came of it, is in bench/README.md.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchAudit } from './cases/audit.ts';
import { benchCalendars } from './cases/calendars.ts';
import { benchClients } from './cases/clients.ts';
import { benchConsole } from './cases/console.ts';
import { benchDelay } from './cases/delay.ts';
import { benchFrontProject, benchFrontRaise } from './cases/front.ts';
import { benchDelivery } from './cases/delivery.ts';
import { benchDue } from './cases/due.ts';
import { benchNotary } from './cases/notary.ts';
import { benchMemory } from './cases/memory.ts';
import { benchOneUser } from './cases/one-user.ts';
import { benchPeers } from './cases/peers.ts';
import { benchProject } from './cases/project.ts';
import { benchRaise } from './cases/raise.ts';
import { benchReplay } from './cases/replay.ts';
import { benchVerify } from './cases/verify.ts';
import {
  FULL,
  isReached,
  QUICK,
  temporaryFolder,
  type Report,
  type Surroundings,
  verdictOf,
} from './support/bench.ts';
import { fallen, knownRatios, recordRatios } from './support/guard.ts';
import { record } from './support/record.ts';

const CASES = new Map<string, (surroundings: Surroundings) => Promise<Report>>([
  ['raise', benchRaise],
  ['project', benchProject],
  ['replay', benchReplay],
  ['verify', benchVerify],
  ['audit', benchAudit],
  ['notary', benchNotary],
  ['console', benchConsole],
  ['delay', benchDelay],
  ['due', benchDue],
  ['calendars', benchCalendars],
  ['delivery', benchDelivery],
  ['memory', benchMemory],
  ['front-raise', benchFrontRaise],
  ['front-project', benchFrontProject],
  ['one-user', benchOneUser],
  ['clients', benchClients],
  ['peers', benchPeers],
]);

const EXIT = { done: 0, missed: 1, usage: 2 };

process.exitCode = await main();

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      rounds: { type: 'string' },
    },
  });
  const wanted = positionals.length === 0 ? [...CASES.keys()] : positionals;
  const base = values.quick ? QUICK : FULL;
  const rounds = values.rounds === undefined ? base.rounds : Number(values.rounds);
  const stranger = wanted.find((name) => !CASES.has(name));
  if (stranger !== undefined || !Number.isInteger(rounds) || rounds < 1) {
    const what = stranger === undefined ? '--rounds is not a number' : `no case ${stranger}`;
    console.error(`bench: ${what}; cases: ${[...CASES.keys()].join(', ')}`);
    return EXIT.usage;
  }
  const reports: Report[] = [];
  for (const name of wanted) {
    await using folder = await temporaryFolder();
    const path = join(folder.path, name);
    await mkdir(path);
    const say = (text: string): void => {
      if (!values.json) console.error(`… ${text}`);
    };
    const report = await CASES.get(name)?.({ sizes: { ...base, rounds }, folder: path, say });
    if (report === undefined) continue;
    reports.push(report);
    if (!values.json) print(report);
  }
  const fell = values.quick && !values.record ? fallen(reports, await knownRatios()) : [];
  if (values.json) {
    console.log(JSON.stringify({ quick: values.quick, reports, fell }, undefined, 2));
  } else for (const line of fell) console.log(`FELL     ${line}`);
  if (values.record) await (values.quick ? recordRatios(reports) : record(reports));
  // The targets are for full runs; a quick run compares with the quick run before it.
  const missed = reports.flatMap(({ targets }) => targets).some((target) => !isReached(target));
  const failed = values.quick ? fell.length > 0 : missed;
  return failed ? EXIT.missed : EXIT.done;
}

function print(report: Report): void {
  console.log(`\n${report.case}`);
  for (const line of report.lines) console.log(`  ${line}`);
  for (const target of report.targets) console.log(`  ${verdictOf(target)}`);
}
