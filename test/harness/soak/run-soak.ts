// npm run soak -- --hours N | --seconds N [--rate N] [--workers N] [--nats-away SECONDS] [--out FOLDER]
import { parseArgs } from 'node:util';
import { openRun } from '../command.ts';
import { soak, soakSummary } from './soak.ts';

const { values } = parseArgs({
  options: {
    hours: { type: 'string' },
    seconds: { type: 'string', default: '300' },
    rate: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string' },
    every: { type: 'string', default: '5' },
    'nats-away': { type: 'string', default: '0' },
    out: { type: 'string', default: 'var/soak' },
  },
});
const { say, signal } = openRun();

const natsAwaySeconds = Number(values['nats-away']);
const result = await soak({
  seconds: values.hours === undefined ? Number(values.seconds) : Number(values.hours) * 3_600,
  rate: Number(values.rate),
  seed: Number(values.seed),
  // Deliveries share the store's time: where draining is measured there are none, unless one wants them.
  workers: Number(values.workers ?? (natsAwaySeconds > 0 ? 0 : 1)),
  everySeconds: Number(values.every),
  folder: values.out,
  natsAwaySeconds,
  note: say,
  signal,
});
const { verification, away, failures } = result;
const { messages, raises, differences } = verification;
for (const text of [...messages.examples, ...raises.examples, ...differences]) {
  say(`DIFFERENCE ${text}`);
}
for (const text of failures) say(`FAILURE ${text}`);
if (away !== undefined) say(JSON.stringify(away));
say(`samples and picture: ${values.out}/soak.ndjson, ${values.out}/soak.svg`);
process.stdout.write(`${soakSummary(result)}\n`);
process.exit(failures.length === 0 ? 0 : 1);
