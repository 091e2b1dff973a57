// A process that dies at a point between two effects of its small work:
// `node test/harness/crashing.ts FOLDER NATS STREAM POINT [from_now]`.
import { failpoints } from './failpoints.ts';
import { smallWork } from './small-work.ts';

const [folder = '', servers = '', stream = '', point = '', way] = process.argv.slice(2);

const { around } = failpoints(
  (reached) => reached === point,
  () => {
    process.kill(process.pid, 'SIGKILL');
  },
);
await smallWork({ folder, servers, stream, fromNow: way === 'from_now' }, around);
