// What each npm command runs, on the pinned Node, and what it needs besides.

/**
 * @typedef {object} Target
 * @property {(args: readonly string[]) => string[]} command a file of the checkout, and its arguments
 * @property {(args: readonly string[], env: NodeJS.ProcessEnv) => boolean} needsNatsServer
 * @property {boolean} [needsBrowser]
 * @property {boolean} inRoot whether it runs in the checkout's root; else where the user is
 */

const cli = 'src/cli/main.ts';

const vitest = 'node_modules/vitest/vitest.mjs';
const proofs = 'test/faults';

const prettier = tool(['node_modules/prettier/bin/prettier.cjs', '--write', '--log-level=warn']);

/** @type {Readonly<Record<string, Target>>} */
export const targets = {
  start: {
    command: (args) => [cli, 'start', ...args],
    needsNatsServer: startsItsOwn,
    inRoot: false,
  },
  tocsin: {
    command: (args) => [cli, ...args],
    needsNatsServer: ([command, ...args], env) => command === 'start' && startsItsOwn(args, env),
    inRoot: false,
  },
  // Minutes of kills, freezes and outages are a command of their own, so that the rest stays quick.
  test: tool([vitest, 'run', '--exclude', `${proofs}/**`], { natsServer: true, browser: true }),
  proofs: tool([vitest, 'run', `${proofs}/`], { natsServer: true }),
  bench: tool(['bench/run.ts'], { natsServer: true }),
  mutations: tool(['scripts/mutations.mjs'], { natsServer: true }),
  torture: tool(['test/harness/run-torture.ts'], { natsServer: true }),
  soak: tool(['test/harness/soak/run-soak.ts'], { natsServer: true }),
  upgrade: tool(['test/harness/upgrade/run-upgrade.ts'], { natsServer: true }),
  check: tool(['scripts/check.mjs']),
  api: tool(['scripts/api-report.mjs', '--write']),
  acceptance: tool(['scripts/acceptance.mjs'], { natsServer: true }),
  build: tool(['scripts/build.mjs']),
  format: {
    ...prettier,
    command: (args) => prettier.command(args.length === 0 ? ['.'] : args),
  },
};

/**
 * `start` brings up a server, unless it is told of one, or only asked what it does.
 *
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
function startsItsOwn(args, env) {
  const isTold = args.some((arg) => arg === '--nats' || arg.startsWith('--nats='));
  const isAsked = args.includes('--help') || args.includes('-h');
  return !isTold && !isAsked && !env['TOCSIN_NATS'];
}

/**
 * @param {readonly string[]} command
 * @returns {Target}
 */
function tool(command, { natsServer = false, browser = false } = {}) {
  return {
    command: (args) => [...command, ...args],
    needsNatsServer: () => natsServer,
    needsBrowser: browser,
    inRoot: true,
  };
}
