// SIGKILL of the projection daemon and of its NATS server, again and again, at moments when messages
// are on their way. What the stream holds in the end is what an undisturbed run would have sent.
import { cpSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { testCli, type Cli, type CliProcess } from '../support/cli.ts';
import { openGate, type Gate } from '../support/gate.ts';
import { rawStream, type Stored } from '../support/jetstream.ts';
import { manyLines } from '../support/lines.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';
import { seededRandom } from '../support/random.ts';
import { LONG_PROOF_MS } from '../support/timeouts.ts';
import { until } from '../support/until.ts';

const KILLS = 22;
/** At least so many rounds have to kill somebody who has not heard of all that is sent. */
const UNACKNOWLEDGED = 15;
const LINES = 6_000;
/** The daemon, and where it says how it is. */
type Daemon = { readonly process: CliProcess; readonly http: string };

async function startDaemon(cli: Cli, url: string): Promise<Daemon> {
  const process = cli.start(['project', '--nats', url]);
  const [, http = ''] = await process.says(/"http":"(http:[^"]+)"/);
  return { process, http };
}

async function inFlight({ process, http }: Daemon): Promise<number> {
  if (process.isOver()) throw new Error(`the daemon ended: ${process.stdout()}${process.stderr()}`);
  const text = await (await fetch(`${http}/metrics`)).text();
  return Number(/^tocsin_in_flight_messages (\d+)$/m.exec(text)?.[1]);
}

/** What an undisturbed run makes of the same log, under a stream of its own. */
async function undisturbed(cli: Cli, nats: TestNatsServer): Promise<readonly Stored[]> {
  cpSync(cli.path('var'), cli.path('copy'), { recursive: true });
  const where = ['--store', 'embedded:copy/store.db', '--state', 'copy/state.db'];
  const names = ['--stream', 'UNDISTURBED', '--subject-root', 'undisturbed.'];
  const result = await cli.json(['project', '--once', '--nats', nats.url, ...where, ...names]);
  expect(result).toMatchObject({ code: 0 });
  await using stream = await rawStream(nats.url, 'UNDISTURBED');
  return await stream.all();
}

const identity = ({ ordinal, id, digest, type, body }: Stored): string =>
  [ordinal, id, digest, type, body].join(' ');

async function killAll(
  seed: number,
  cli: Cli,
  nats: TestNatsServer,
  gate: Gate,
  goal: number,
): Promise<{ readonly kills: number; readonly whileUnacknowledged: number }> {
  const random = seededRandom(seed);
  const upTo = (n: number): number => 1 + Math.floor(random() * n);
  let [kills, whileUnacknowledged] = [0, 0];
  let daemon: Daemon | undefined;
  while (kills < KILLS || whileUnacknowledged < UNACKNOWLEDGED) {
    // Some of what is left, so that there is enough for every round.
    const share = Math.floor(goal / KILLS / 2);
    gate.set({ publishes: upTo(share), acks: upTo(share) });
    daemon ??= await startDaemon(cli, gate.url);
    const running: Daemon = daemon;
    await until(
      'messages on their way',
      async () => gate.isShut() && (await inFlight(running)) > 0,
    );
    const { published, acknowledged } = gate.passed();
    if (published > acknowledged) whileUnacknowledged += 1;
    const victim = random();
    if (victim < 0.55) {
      running.process.kill('SIGKILL');
      await running.process.ended();
      daemon = undefined;
      kills += 1;
    }
    if (victim > 0.45) {
      await nats.crash();
      kills += 1;
      gate.cut();
      await nats.restart();
    }
    gate.cut();
  }
  daemon?.process.kill('SIGKILL');
  await daemon?.process.ended();
  return { kills, whileUnacknowledged };
}

test(
  `after ${KILLS} or more kills of the daemon and the server the stream equals the stream of an undisturbed run`,
  { timeout: LONG_PROOF_MS },
  async () => {
    await using cli = testCli();
    await using nats = await testNatsServer();
    writeFileSync(cli.path('in.ndjson'), manyLines(1, LINES));
    const raised = await cli.json(['raise', '--file', 'in.ndjson', '--concurrency', '512']);
    expect(raised.document).toMatchObject({ raised: LINES });
    const expected = await undisturbed(cli, nats);
    expect(expected.length).toBeGreaterThan(LINES);

    await using gate = await openGate(nats.port);
    const seed = 20_261_124;
    const counts = await killAll(seed, cli, nats, gate, expected.length);
    process.stdout.write(
      `kills (seed ${seed}): ${counts.kills}, ` +
        `${counts.whileUnacknowledged} while messages were unacknowledged\n`,
    );

    await using stream = await rawStream(nats.url);
    const before = (await stream.last())?.sequence ?? 0;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(expected.length);
    const rest = await cli.json(['project', '--once', '--nats', nats.url]);
    expect(rest).toMatchObject({ code: 0, document: { outputSequence: String(expected.length) } });
    const stored = await stream.all();
    expect(stored.map(identity)).toEqual(expected.map(identity));
    expect(stored.map(({ sequence }) => sequence)).toEqual(expected.map((_, i) => i + 1));
    expect(new Set(stored.map(({ id }) => id)).size).toBe(stored.length);
    const audit = await cli.json(['audit', 'replay']);
    expect(audit.document).toMatchObject({ published: expected.length - LINES, triggers: LINES });
  },
);
