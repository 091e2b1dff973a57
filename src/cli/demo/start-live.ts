// `tocsin start` until Ctrl-C: runs the workers, raises the examples and the lines of standard input.
import { redactConnectionString } from '../../adapters/eventstore/esdb/connection-string.ts';
import { redactUrl } from '../../adapters/nats/options.ts';
import { raiseLines, untilAborted, type RaiseSummary } from '../compose/raise-file.ts';
import { runTogether } from '../../domain/core/signals.ts';
import { EXIT, type Terminal } from '../terminal/terminal.ts';
import { exampleFolder } from './example-tasks.ts';
import { CONCURRENCY, raiseExamples } from './example-triggers.ts';
import type { Kernel } from '../../kernel/open-kernel.ts';
import type { Projector } from '../../projections/publisher/projector.ts';
import type { Config } from '../config/config.ts';
import type { Narrator } from './narrator.ts';

export async function startLive(
  parts: StartedParts,
  { http, api, console }: Readonly<Record<'http' | 'api' | 'console', string>>,
  workers: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<number> {
  const { config, terminal, signal, kernel, projector, narrator, withExamples } = parts;
  const { store, nats } = config;
  terminal.say(`Tocsin is up: store ${redactConnectionString(store)}, NATS ${redactUrl(nats)}`);
  terminal.say(`  open the console     ${console}  (works once)`);
  terminal.say(`  health and metrics   ${http}/health/ready  ${http}/metrics`);
  terminal.say(`  HTTP API             ${api}/openapi.json  (a token: tocsin token create --help)`);
  terminal.say('  in a second terminal npm run -s tocsin -- watch');
  terminal.say('                       npm run -s tocsin -- raise --file examples/triggers.ndjson');
  terminal.say('                       npm run -s tocsin -- audit replay');
  terminal.say(`  tasks are read from  ${config.tasks.path ?? exampleFolder()}`);
  const project = runTogether(signal, [(both) => projector.run(both), ...workers]);
  const raising = withExamples ? raiseExamples(kernel, narrator, signal) : undefined;
  const examples = await Promise.race([raising, project]);
  if (examples !== undefined) sayRaised(terminal, examples);
  terminal.say('Type or pipe trigger lines here (NDJSON); Ctrl-C stops.');
  const stopReading = (): void => {
    process.stdin.destroy();
  };
  signal.addEventListener('abort', stopReading, { once: true });
  // An aborted signal does not call listeners that are added later.
  if (signal.aborted) stopReading();
  const lines = untilAborted(process.stdin, signal);
  const reading = raiseLines(kernel, lines, {
    concurrency: CONCURRENCY,
    onLine: narrator.raised,
  }).then(
    (summary) => {
      if (summary.read > 0) sayRaised(terminal, summary);
    },
    (error: unknown) => {
      // `stopReading` ends the reading with an error; other errors are failures.
      if (!signal.aborted) throw error;
    },
  );
  try {
    await Promise.all([project, reading]);
  } finally {
    // An open stdin would keep the process running.
    stopReading();
  }
  terminal.say('Stopped; the next start goes on from here.');
  return EXIT.done;
}

function sayRaised(terminal: Terminal, summary: RaiseSummary): void {
  const { read, raised, duplicates, rejected } = summary;
  terminal.say(`${read} lines: ${raised} raised, ${duplicates} duplicates, ${rejected} rejected`);
}

export type StartedParts = {
  readonly config: Config;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly wasInterrupted: () => boolean;
  readonly kernel: Kernel;
  readonly projector: Projector;
  readonly narrator: Narrator;
  readonly withExamples: boolean;
  /** Of `performance.now()`. */
  readonly startedAt: number;
};
