// The entry point of the command line's process.
import { runCommandLine } from './program.ts';
import { keepHeapSmall } from './config/small-heap.ts';

// A reader that closes the pipe (`tocsin watch | head`) stops the command like SIGTERM.
process.stdout.once('error', () => {
  process.stdout.on('error', () => undefined);
  process.kill(process.pid, 'SIGTERM');
});

keepHeapSmall();
await runCommandLine(process.argv.slice(2));
