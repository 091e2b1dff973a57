// `tocsin doctor`: checks that a daemon finds what it needs, before it starts or while it runs. It changes nothing.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { EXIT } from '../terminal/terminal.ts';
import { NATS_SETTINGS, NOTARY_SETTINGS } from '../config/settings.ts';
import { register, wholeNumber, type Work } from './command.ts';
import { checksWithin, ok, type Check } from './doctor-check.ts';
import { checkNatsClock } from './doctor-clock.ts';
import { checkDeliveries } from './doctor-deliveries.ts';
import { checkFiles, growingFiles } from './doctor-files.ts';
import { checkTogether } from './doctor-log.ts';
import {
  checkNode,
  descriptorLimit,
  roomOf,
  weighDescriptors,
  weighRoom,
} from './doctor-machine.ts';
import { checkNats, checkSubject } from './doctor-nats.ts';
import { notaryState } from './doctor-notary.ts';
import { checkRequests } from './doctor-requests.ts';
import { needsOf, ROLES, type Role, type Run } from './doctor-roles.ts';
import { checkLog, checkState } from './doctor-store.ts';

type Options = {
  readonly role?: Role;
  readonly timeout: number;
  readonly natsMonitor?: string;
};

const TIMEOUT_SECONDS = 30;
/** A process whose connections hang ends after this time. */
const LINGER_MS = 1_000;

export function doctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('check what a daemon needs: store, files, NATS server, stream, rights and clocks')
    .addOption(new Option('--role <ROLE>', 'check what this role needs').choices(ROLES))
    .option('--timeout <SECONDS>', 'end within this time', wholeNumber, TIMEOUT_SECONDS)
    .option(
      '--nats-monitor <URL>',
      'monitoring address of a NATS server, to compare its clock: http://HOST:8222',
      httpAddress,
    );
  register(
    command,
    [
      'store',
      ...NATS_SETTINGS,
      'state',
      'worker',
      'vault',
      'vaultKeyFile',
      'messageKeyFile',
      ...NOTARY_SETTINGS,
      'name',
    ],
    `It changes nothing, and ends within --timeout when something does not answer. Each check says what it
found and what to do: docs/operating.md lists the checks. It exits with 1 when a check failed.

Without --role it checks what a worker needs, the vault only where one is configured.

Examples:
  tocsin doctor --role worker
  tocsin doctor --nats nats://127.0.0.1:4222 --json`,
    doctor,
  );
}

const doctor: Work<Options> = async ({ config, terminal }, options) => {
  const { role, timeout } = options;
  const needs = needsOf(role);
  const { checked, limitMs, hasLeft } = checksWithin(timeout * 1_000);
  const run = { config, needs, role, checked, limitMs, natsMonitor: options.natsMonitor };
  const machine = [
    await checked('node', checkNode),
    await checked('descriptors', () => weighDescriptors(descriptorLimit(), needs)),
    await checked('disk', () => weighRoom(roomOf(growingFiles(config, needs)))),
    await checked('files', () => checkFiles(config)),
  ];
  const [log, nats] = await Promise.all([checkLog(run), checkMessages(run)]);
  const state = needs.projects ? [await checked('state', () => checkState(config))] : [];
  const isWhole = log.isReadable && state.every(({ status }) => status !== 'failed');
  const together = isWhole && needs.projects ? await checkParts(run, nats) : [];
  const deliveries = needs.delivers ? await checkDeliveries(config, checked) : [];
  const signs = role === undefined || role === 'start' || role === 'notary';
  const notary = signs ? [await checked('notary', () => notaryState(config, Date.now()))] : [];
  const checks = [
    ...[...machine, ...log.checks, ...state, ...notary, ...nats.checks],
    ...[...together, ...deliveries],
  ];
  terminal.print({ ...(role === undefined ? {} : { role }), checks });
  for (const { name, status, detail, hint } of checks) {
    const mark = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' }[status];
    terminal.say(`${mark}  ${name}: ${detail}`);
    if (hint !== undefined) terminal.say(`         ${hint}`);
  }
  const code = checks.some(({ status }) => status === 'failed') ? EXIT.partly : EXIT.done;
  if (hasLeft()) setTimeout(() => process.exit(code), LINGER_MS).unref();
  return code;
};

type MessageChecks = { readonly checks: readonly Check[]; readonly isReached: boolean };

async function checkMessages({
  config,
  needs,
  checked,
  limitMs,
  natsMonitor,
}: Run): Promise<MessageChecks> {
  if (needs.startsServers && !config.natsWasGiven) {
    const binary = await checked('nats', findServer);
    return { checks: [binary], isReached: false };
  }
  if (!needs.projects) {
    const publishes = config.notary.subject !== undefined && !needs.appends && !needs.ownsStore;
    const checks = publishes ? await checkSubject(config, needs, checked) : [];
    return { checks, isReached: false };
  }
  const { checks, clock, lastAt } = await checkNats(config, needs, checked);
  const isReached = checks[0]?.status !== 'failed';
  if (!isReached) return { checks, isReached };
  const signal = AbortSignal.timeout(limitMs);
  const time = () => checkNatsClock(clock, lastAt, natsMonitor, signal);
  return { checks: [...checks, await checked('nats-clock', time)], isReached };
}

async function findServer(): Promise<Check> {
  const { findNatsServer } = await import('../../adapters/nats/server-files.ts');
  return ok('nats', `this role starts ${findNatsServer()}`);
}

/** What shows only in several parts together. */
async function checkParts(
  { config, needs, checked }: Run,
  { isReached }: MessageChecks,
): Promise<readonly Check[]> {
  return [
    ...(await checkTogether(config, isReached, checked)),
    ...(isReached && needs.delivers ? await checkRequests(config, checked) : []),
  ];
}

function httpAddress(text: string): string {
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? '')) return text;
  throw new InvalidArgumentError('It must be an address such as http://127.0.0.1:8222.');
}
