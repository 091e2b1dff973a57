// The npm that runs us, or else the one in PATH.
import { basename } from 'node:path';

const quietly = ['--loglevel=error', '--ignore-scripts'];

/** By default npm waits for minutes, in silence, before it says that there is no network. */
const patience = ['--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000'];

/**
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {readonly [string, ...string[]]}
 */
export function npmCommand(args, env = process.env) {
  // Under pnpm or yarn the variable names another program.
  const running = env['npm_execpath'];
  const options = [...quietly, ...patience, ...args];
  return running !== undefined && basename(running) === 'npm-cli.js'
    ? [process.execPath, running, ...options]
    : ['npm', ...options];
}
