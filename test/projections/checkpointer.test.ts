// What is committed is a prefix: pages in their order, and only those whose messages are stored.
import { describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { FoldedPage } from '../../src/projections/dedupe/page.ts';
import { initialFold } from '../../src/projections/dedupe/state.ts';
import type { ReadModelCommit } from '../../src/projections/read-model.ts';
import { Checkpointer } from '../../src/projections/publisher/checkpointer.ts';
import { memoryReadModel } from '../../src/testing.ts';

function page(events: number): FoldedPage {
  const position = { commit: BigInt(events), prepare: BigInt(events) };
  const counts = { ...initialFold.counts, events };
  const state = { ...initialFold, position, ordinal: BigInt(events), counts };
  const nothing = {
    messages: [],
    sentNotifications: [],
    amended: [],
    suppressedRequests: [],
    mutedRequests: [],
    releasedRequests: [],
    verdicts: [],
    control: [],
    verdictMinutes: [],
    recentMessages: [],
  };
  return { ...nothing, state, parked: [], unparked: [], firstRecordedAt: undefined };
}

const anEvent: RecordedEvent = {
  id: 'an event',
  stream: 'a stream',
  revision: 0n,
  position: { commit: 1n, prepare: 1n },
  type: 'T',
  data: {},
  metadata: {},
};

function committer() {
  const commits: ReadModelCommit[] = [];
  const state = { ...memoryReadModel(), commit: (commit: ReadModelCommit) => commits.push(commit) };
  const identity = {
    storeId: 'a log',
    output: 'a list',
    checkpointSequence: (ordinal: bigint) => ordinal,
  };
  const failures: unknown[] = [];
  const made = new Checkpointer(state, identity, {
    committed: () => undefined,
    failed: (error) => failures.push(error),
  });
  const settled = async (): Promise<readonly bigint[]> => {
    await new Promise(setImmediate);
    return commits.map(({ checkpoint }) => checkpoint.position.commit);
  };
  const add = (at: number, delivered: Promise<never[]>, events = at): Promise<void> => {
    const folded = page(at);
    const { position } = folded.state;
    return made.add(folded, position, Array<RecordedEvent>(events).fill(anEvent), delivered);
  };
  return { made, add, settled, failures };
}

describe('Checkpointer', () => {
  it('does not commit a page before its acks', async () => {
    const { made, add, settled } = committer();
    made.goLive();
    const acks = Promise.withResolvers<never[]>();
    await add(1, acks.promise);
    expect(await settled()).toEqual([]);
    acks.resolve([]);
    expect(await settled()).toEqual([1n]);
  });

  it('commits large groups of pages during catch-up', async () => {
    const { made, add, settled } = committer();
    await add(1, Promise.resolve([]));
    expect(await settled()).toEqual([]);
    // Large enough to be worth a commit.
    await add(512, Promise.resolve([]));
    expect(await settled()).toEqual([512n]);
    await add(513, Promise.resolve([]), 1);
    expect(await settled()).toEqual([512n]);
    made.goLive();
    expect(await settled()).toEqual([512n, 513n]);
  });

  it('commits the last page at the end, also a small page', async () => {
    const { made, add, settled } = committer();
    await add(1, Promise.resolve([]));
    await made.drained();
    expect(await settled()).toEqual([1n]);
  });

  it('commits a page together with the page before it, not earlier', async () => {
    const { made, add, settled } = committer();
    made.goLive();
    const acks = Promise.withResolvers<never[]>();
    await add(1, acks.promise);
    await add(2, Promise.resolve([]));
    expect(await settled()).toEqual([]);
    acks.resolve([]);
    expect(await settled()).toEqual([2n]);
  });

  it('never commits a page after a page that failed', async () => {
    const { made, add, settled, failures } = committer();
    made.goLive();
    const acks = Promise.withResolvers<never[]>();
    await add(1, acks.promise);
    await add(2, Promise.resolve([]));
    acks.reject(new Error('the connection is gone'));
    expect(await settled()).toEqual([]);
    expect(failures).toHaveLength(1);
  });
});
