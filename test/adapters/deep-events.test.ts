// Stored events that nest deeper than a stack allows. Every adapter returns their bytes, so that such an event can end
// neither a projector nor an audit.
import { expect, test } from 'vitest';
import { embeddedReader } from '../../src/adapters/eventstore/embedded/store.ts';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { recordingOutput } from '../../src/adapters/memory/recording-output.ts';
import { temporaryReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { startStoreProcess } from '../../src/cli/compose/store-process.ts';
import { createAudit } from '../../src/kernel/create-audit.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { memoryReadModel } from '../../src/testing.ts';
import { anInput, eventsOf, raised } from '../support/world.ts';
import { rewriteEvents } from '../support/rewrite-events.ts';
import { storedEvents } from '../support/stored-events.ts';
import { opened, temporaryFile } from './embedded.support.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

const DEEP = `{"deep":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;

const bytes = { unreadable: new Uint8Array(Buffer.from(DEEP)) };

/** A log of two triggers in which the last event of a type has other data. */
async function spoilt(type: string): Promise<string> {
  const file = temporaryFile();
  const store = await opened(file);
  const kernel = await openKernel({ ...scheduleProduct, store });
  for (const n of [1, 2]) await raised(kernel, anInput(n, { userId: n }));
  await kernel[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  let left = [...storedEvents(file)].filter((event) => event.type === type).length;
  const changed = rewriteEvents(file, (event) =>
    event.type === type && --left === 0 ? { data: Buffer.from(DEEP) } : undefined,
  );
  expect(changed).toBe(1);
  return file;
}

test('too deeply nested events are read as bytes, parked as requests and exported completely', async () => {
  const file = await spoilt('NotificationRequested');
  {
    await using front = await startStoreProcess(`embedded:${file}`);
    await using wire = eventStoreDb({ connectionString: front.url });
    expect((await eventsOf(wire)).at(-1)?.data).toEqual(bytes);
  }
  await using store = await opened(file);
  expect((await eventsOf(store)).at(-1)?.data).toEqual(bytes);
  await using log = embeddedReader(file);
  const audit = createAudit({ log, scratch: temporaryReadModel });
  expect(await audit.replay()).toMatchObject({ parked: 1 });
  expect(await audit.verifyExport(audit.export())).toMatchObject({ faults: [] });
  const projector = openProjector({
    store,
    output: recordingOutput(),
    state: memoryReadModel(),
  });
  expect(await projector.once()).toMatchObject({ parked: 1 });
});

test('too deeply nested control events stop their readers with a clear error', async () => {
  const file = await spoilt('RulesetActivated');
  await using log = embeddedReader(file);
  const refused = { kind: 'refused', code: 'control_unreadable' };
  await expect(createAudit({ log, scratch: temporaryReadModel }).replay()).rejects.toMatchObject(
    refused,
  );
});
