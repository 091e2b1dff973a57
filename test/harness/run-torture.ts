// npm run torture -- --seconds N --seed N [--rate N] [--like VERSION] [--trace]
import { parseArgs } from 'node:util';
import { SERVER_VERSIONS } from '../../src/adapters/eventstore/front/server-version.ts';
import { openRun } from './command.ts';
import { isClean, summaryOf, torture } from './torture.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    rate: { type: 'string', default: '40' },
    like: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});
const { say, signal } = openRun();
const like = SERVER_VERSIONS.find((version) => version === values.like);
if (values.like !== undefined && like === undefined) {
  throw new Error(`--like is one of ${SERVER_VERSIONS.join(', ')}`);
}

const result = await torture({
  signal,
  seconds: Number(values.seconds),
  seed: Number(values.seed),
  rate: Number(values.rate),
  like,
  note: say,
  ...(values.trace ? { trace: say } : {}),
});
const { counts, outcomes, triggers, stored, messages, raises, differences, failures } = result;
const { deliveries, calls } = result;
say(`faults by kind: ${JSON.stringify(counts.byKind)}`);
say(`answers: ${JSON.stringify(outcomes)}; ${triggers} triggers, ${stored} messages stored`);
say(`${deliveries} deliveries, ${calls} calls`);
for (const text of result.skipped) say(`SKIPPED ${text}`);
for (const text of [...messages.examples, ...raises.examples, ...differences, ...failures]) {
  say(`DIFFERENCE ${text}`);
}
process.stdout.write(`${summaryOf(result)}\n`);
// Not by leaving the rest to Node: sockets that were reset in mid-write can keep it from ending.
process.exit(isClean(result) ? 0 : 1);
