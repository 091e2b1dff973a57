// Operators' decisions in any order, in any pages: what is parked is what a machine of two states says.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { memoryReadModel } from '../../src/testing.ts';
import { poison, resolvePark } from '../support/log-edits.ts';
import { anInput, makeWorld, raised } from '../support/world.ts';

const steps = fc.oneof(
  fc.constant({ kind: 'poison' as const }),
  fc.constant({ kind: 'raise' as const }),
  fc.record({
    kind: fc.constant('decide' as const),
    action: fc.constantFrom('retry' as const, 'drop' as const),
    about: fc.nat({ max: 2 }),
  }),
  fc.constant({ kind: 'project' as const }),
);

describe('operator decisions about parked events', () => {
  it('count once and only for parked events, equally in live, paged and replayed folds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(steps, { maxLength: 25 }),
        fc.integer({ min: 1, max: 6 }),
        async (history, pageEntries) => {
          const world = await makeWorld({ pageEntries });
          const poisoned: RecordedEvent[] = [];
          const parked = new Set<string>();
          let verdicts = 0;
          for (const [n, step] of history.entries()) {
            if (step.kind === 'poison') {
              const event = await poison(world.store, `n${n}`);
              poisoned.push(event);
              parked.add(event.id);
              verdicts += 1;
            } else if (step.kind === 'raise') {
              await raised(world.kernel, anInput(n + 1));
              verdicts += 1;
            } else if (step.kind === 'decide') {
              const event = poisoned[step.about];
              if (event === undefined) continue;
              await resolvePark(world.store, event, step.action);
              // A retried one cannot be read this time either.
              if (step.action === 'drop') parked.delete(event.id);
            } else {
              await world.project();
            }
          }
          await world.project();
          const live = world.file.snapshot();
          expect(new Set(live.parked.map(({ event }) => event))).toEqual(parked);
          expect(live.verdicts).toHaveLength(verdicts);
          const replayed = memoryReadModel();
          const result = await replay(world.store, replayed, 'tocsin');
          expect(replayed.snapshot().parked).toEqual(live.parked);
          expect(result.parked).toBe(live.checkpoint?.counts.parked);
        },
      ),
      { numRuns: 80 },
    );
  });
});
