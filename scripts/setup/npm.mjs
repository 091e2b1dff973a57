// The npm that runs us, or else the one in PATH.
import { basename } from 'node:path';

/**
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {readonly [string, ...string[]]}
 */
export function npmCommand(args, env = process.env) {
  // Under pnpm or yarn the variable names another program.
  const running = env['npm_execpath'];
  const quiet = ['--loglevel=error', '--ignore-scripts', ...args];
  return running !== undefined && basename(running) === 'npm-cli.js'
    ? [process.execPath, running, ...quiet]
    : ['npm', ...quiet];
}
