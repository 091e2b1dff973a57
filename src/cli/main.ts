// The entry point of the command line's process. It takes the signals before it loads anything else, because a
// signal during the load must end the process in the same way as later.
import { keepHeapSmall } from './config/small-heap.ts';
import { watchSignals } from './terminal/signals.ts';

/** How long handles that are left open keep a finished process running, in milliseconds. */
const LINGER_MS = 250;

watchSignals();

// A reader that closes the pipe (`tocsin watch | head`) stops the command like SIGTERM.
process.stdout.once('error', () => {
  process.stdout.on('error', () => undefined);
  process.kill(process.pid, 'SIGTERM');
});

keepHeapSmall();
const { runCommandLine } = await import('./program.ts');
await runCommandLine(process.argv.slice(2));
// A client may leave a socket to a frozen server open: only output that is not written yet is waited for.
const isWritten = (): boolean =>
  process.stdout.writableLength + process.stderr.writableLength === 0;
setInterval(() => {
  if (isWritten()) process.exit();
}, LINGER_MS).unref();
