// Tocsin in ten lines. An application imports from 'tocsin'; this checkout imports the source.
import { embeddedStore, openKernel } from '../src/index.ts';
import { scheduleProduct } from '../src/schedule.ts';

await using store = await embeddedStore({ file: 'var/embed.db' });
await using kernel = await openKernel({ store, ...scheduleProduct });
const result = await kernel.raise({
  userId: 42,
  triggerType: 'important_urgent_task',
  source: 'api_trigger',
  targetType: 'task_pool',
  targetId: 7,
});
console.log(result.outcome, 'triggerId' in result ? result.triggerId : result.message);
