// The command line's process.
import { runCommandLine } from './program.ts';
import { keepHeapSmall } from './small-heap.ts';

// A reader that has seen enough (`tocsin watch | head`) asks us to stop, no more.
process.stdout.once('error', () => {
  process.stdout.on('error', () => undefined);
  process.kill(process.pid, 'SIGTERM');
});

keepHeapSmall();
await runCommandLine(process.argv.slice(2));
