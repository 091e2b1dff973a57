// Raises a file of lines through the product with the adapters in memory.
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import { fromRaiseLine } from '../../src/domain/contracts/mapping.ts';
import { isJson } from '../../src/domain/core/json.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import type { World } from './world.ts';

/** Each line's input, as the command line makes it. */
export function* inputsOf(text: string): Generator<unknown, void, undefined> {
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const value: unknown = JSON.parse(line);
    const input = isJson(value) ? fromRaiseLine(value) : undefined;
    if (input?.ok !== true) throw new Error(`not a raise line: ${line}`);
    yield input.value;
  }
}

/** Raises a file's lines; what became of them, counted. */
export async function raiseText({ kernel }: World, text: string) {
  const counts = { read: 0, raised: 0, duplicates: 0, conflicts: 0 };
  for await (const { outcome } of kernel.raiseAll(inputsOf(text))) {
    counts.read += 1;
    if (outcome === 'raised') counts.raised += 1;
    else if (outcome === 'duplicate') counts.duplicates += 1;
    else if (outcome === 'idempotency_conflict') counts.conflicts += 1;
    else throw new Error(`unexpected outcome ${outcome}`);
  }
  return counts;
}

/** Everything that an oracle says about a file, as the product has it. */
export async function productAnswer(world: World, text: string) {
  const counts = await raiseText(world, text);
  const { triggered, published, suppressed } = await world.project();
  const replayed = await replay(world.store, memoryReadModel(), 'tocsin');
  const subjects = world.output.messages.map(({ subject }) => subject);
  const countOf = (prefix: string): number =>
    subjects.filter((subject) => subject.startsWith(prefix)).length;
  return {
    triggered,
    stored: { triggers: countOf('active_'), notifications: countOf('notification.') },
    replayed,
    answer: {
      ...counts,
      published,
      suppressed,
      mockTriggers: countOf('mock.active_schedule.triggered.'),
      mockNotifications: countOf('mock.notification.'),
      dedupe_keys_sha256: replayed.dedupeKeysSha256,
    },
  };
}
