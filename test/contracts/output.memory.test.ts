import { recordingOutput } from '../../src/adapters/memory-output/recording-output.ts';
import { outputContract } from './output.suite.ts';

outputContract('recordingOutput', async () => {
  const output = recordingOutput();
  return Promise.resolve({
    output,
    storeForeign: async () => {
      output.insertForeign();
      return Promise.resolve();
    },
    removeStream: async () => {
      output.remove();
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
