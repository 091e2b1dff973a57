// A web application with a table of its own. One transaction writes a change of a task and the request to
// raise a trigger; the relay passes the request to the kernel, also after a crash.
//
//   TOCSIN_NATS=nats://127.0.0.1:4222 PORT=3000 node examples/fastify.ts
//   curl -d '{"userId":42,"title":"Pay the rent"}' -H content-type:application/json localhost:3000/tasks
//   curl -X POST localhost:3000/tasks/1/completed
//   curl localhost:3000/requests
import { once } from 'node:events';
import Fastify, { type FastifyInstance } from 'fastify';
import {
  alwaysNotify,
  defineTrigger,
  embeddedStore,
  openKernel,
  openProjector,
  relayRaises,
} from '../src/index.ts';
import { jetStreamOutput } from '../src/nats.ts';
import { sqliteReadModel } from '../src/sqlite.ts';
import { scheduleTexts, scheduleTriggers } from '../src/schedule.ts';
import { openTasks, type Tasks } from './tasks.ts';

const folder = process.env['DATA'] ?? 'var/fastify';
const nats = process.env['TOCSIN_NATS'];
const port = Number(process.env['PORT'] ?? 3000);

const stop = new AbortController();
const { signal } = stop;
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    stop.abort();
  });
}

await using store = await embeddedStore({ file: `${folder}/events.db` });
const taskCompleted = defineTrigger({
  type: 'task_completed',
  channel: 'feishu',
  link: ({ previewId }) => `/suggestions/${previewId}`,
});
const remind = alwaysNotify(scheduleTexts.en);
await using kernel = await openKernel({
  store,
  triggers: [...scheduleTriggers, taskCompleted],
  texts: scheduleTexts.en,
  channel: 'feishu',
  evaluate: (request) =>
    request.triggerType === 'task_completed'
      ? { outcome: 'offer', kind: 'reminder', summary: 'Done. That leaves room for the next one.' }
      : remind(request),
});
using tasks = openTasks(`${folder}/tasks.db`);
const app = createApp(tasks);

console.log('listening at', await app.listen({ host: '127.0.0.1', port }));
await Promise.all([
  relayRaises(tasks.requests, kernel, { signal }),
  nats === undefined ? undefined : project(nats),
  closeOnStop(),
]);

/** The projector in this process, under the same signal. Larger ones run `tocsin project` beside. */
async function project(servers: string): Promise<void> {
  using state = sqliteReadModel({ file: `${folder}/state.db` });
  const projector = openProjector({ store, state, output: jetStreamOutput({ servers }) });
  await projector.run(signal);
}

function createApp(table: Tasks): FastifyInstance {
  const server = Fastify();
  const body = {
    type: 'object',
    required: ['userId', 'title'],
    properties: {
      userId: { type: 'integer', minimum: 1 },
      title: { type: 'string', minLength: 1, maxLength: 200 },
    },
  };
  server.post<{ Body: { readonly userId: number; readonly title: string } }>(
    '/tasks',
    { schema: { body } },
    (request, reply) => reply.code(201).send(table.create(request.body)),
  );
  server.post<{ Params: { readonly id: string } }>('/tasks/:id/completed', (request, reply) => {
    const task = table.complete(request.params.id);
    return task === undefined ? reply.code(404).send({ error: 'no such task' }) : task;
  });
  server.get('/requests', () => table.listRequests());
  return server;
}

async function closeOnStop(): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
  await app.close();
}
