// Which node a connection uses, by what the members of a cluster say about each other.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  chooseNode,
  type Member,
  type View,
} from '../../src/adapters/eventstore/esdb/choose-node.ts';
import { askAll } from '../../src/adapters/eventstore/esdb/gossip.ts';

const UNKNOWN = 2;
const FOLLOWER = 6;
const LEADER = 8;
const READ_ONLY_REPLICA = 14;

const node = (n: number) => ({ address: `10.0.0.${n}`, port: 2113 });
const [a, b, c] = [node(1), node(2), node(3)];

/** A view by letters, one for each member: L leads, F follows, R is a read-only replica, U is in another state, x is dead. */
function view(from: number, states: string): View {
  const state = { L: LEADER, F: FOLLOWER, R: READ_ONLY_REPLICA } as const;
  const members = Array.from(states, (letter, at): Member => {
    const known = letter === 'L' || letter === 'F' || letter === 'R' ? state[letter] : UNKNOWN;
    return { endpoint: node(at + 1), state: known, isAlive: letter !== 'x' };
  });
  return { from: node(from), members };
}

describe('the leader', () => {
  test('is the member that all name', () => {
    expect(chooseNode([view(1, 'FLF'), view(2, 'FLF'), view(3, 'FLF')], 'leader')).toEqual(b);
  });

  test('is not a member that was cut off and names only itself', () => {
    const cutOff = view(1, 'Lxx');
    expect(chooseNode([cutOff, view(2, 'xLF'), view(3, 'xLF')], 'leader')).toEqual(b);
    expect(chooseNode([cutOff, view(2, 'xUU'), view(3, 'xUU')], 'leader')).toBeUndefined();
    expect(chooseNode([cutOff, view(2, 'xUU')], 'leader')).toBeUndefined();
  });

  test('is not a frozen member that the others still name', () => {
    expect(chooseNode([view(2, 'LFF'), view(3, 'LFF')], 'leader')).toBeUndefined();
    expect(chooseNode([view(2, 'xLF'), view(3, 'xLF')], 'leader')).toEqual(b);
  });

  test('is not a dead member, whatever its last state was', () => {
    const dead = { ...view(2, 'FFF'), members: [{ endpoint: b, state: LEADER, isAlive: false }] };
    expect(chooseNode([dead], 'leader')).toBeUndefined();
  });

  test('is found through a host that is another name of a member', () => {
    const alias = { ...view(1, 'LFF'), from: { address: 'db.internal', port: 2113 } };
    expect(chooseNode([alias], 'leader')).toEqual(a);
    // The same member under two names has one vote.
    const cutOff = { ...view(1, 'Lxx'), from: { address: 'db.internal', port: 2113 } };
    const views = [cutOff, view(1, 'Lxx'), view(2, 'xLF'), view(3, 'xLF')];
    expect(chooseNode(views, 'leader')).toEqual(b);
  });

  test('is final once most members name it, and not before', () => {
    expect(chooseNode([view(1, 'LFF')], 'leader', { isFinal: true })).toBeUndefined();
    expect(chooseNode([view(1, 'LFF'), view(2, 'LFF')], 'leader', { isFinal: true })).toEqual(a);
  });
});

describe('another preference', () => {
  const views = [view(1, 'LFFR'), view(2, 'LFFR'), view(3, 'LFFR'), view(4, 'LFFR')];

  test('is satisfied by a member in that state', () => {
    expect(chooseNode(views, 'follower', { random: () => 0 })).toEqual(b);
    expect(chooseNode(views, 'follower', { random: () => 0.99 })).toEqual(c);
    expect(chooseNode(views, 'read_only_replica')).toEqual(node(4));
    expect(chooseNode(views, 'random', { random: () => 0.99 })).toEqual(node(4));
  });

  test('keeps the node in use while no better one is there', () => {
    expect(chooseNode(views, 'follower', { current: c, random: () => 0 })).toEqual(c);
    expect(chooseNode(views, 'follower', { current: a, random: () => 0 })).toEqual(b);
  });

  test('falls back to any member that serves clients', () => {
    expect(chooseNode([view(1, 'L')], 'follower')).toEqual(a);
    expect(chooseNode([view(1, 'U')], 'random')).toBeUndefined();
  });
});

test('no two sets of views that overlap choose different leaders', () => {
  const names = fc.constantFrom('LFFFF', 'FLFFF', 'FFLFF', 'xxUUU', 'UUUxx');
  const cluster = fc.array(names, { minLength: 5, maxLength: 5 });
  const asked = fc.subarray([0, 1, 2, 3, 4], { minLength: 3 });
  fc.assert(
    fc.property(cluster, asked, asked, (states, first, second) => {
      const views = states.map((text, at) => view(at + 1, text));
      const chosen = [first, second].map((list) => {
        const known = list.flatMap((at) => views[at] ?? []);
        return chooseNode(known, 'leader', { isFinal: true });
      });
      const leaders = new Set(chosen.flatMap((leader) => leader?.address ?? []));
      expect(leaders.size).toBeLessThanOrEqual(1);
    }),
  );
});

describe('askAll', () => {
  test('asks members that only an answer names, and each once', async () => {
    const asked: string[] = [];
    const round = await askAll(
      [a],
      ({ address }) => {
        asked.push(address);
        return Promise.resolve(view(1, 'LFF').members);
      },
      () => false,
      1_000,
    );
    expect(asked.sort()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect(round.views).toHaveLength(3);
  });

  test('does not wait for a member whose answer changes nothing', async () => {
    const never = new Promise<readonly Member[]>(() => undefined);
    const round = await askAll(
      [a, b, c],
      (endpoint) => (endpoint === c ? never : Promise.resolve(view(1, 'LFF').members)),
      (views) => chooseNode(views, 'leader', { isFinal: true }) !== undefined,
      60_000,
    );
    expect(chooseNode(round.views, 'leader')).toEqual(a);
    expect(round.summary).toContain('10.0.0.3:2113: no answer yet');
  });

  test('says what each node answered', async () => {
    const { views, summary } = await askAll(
      [a, b],
      ({ address }) =>
        address === a.address
          ? Promise.reject(new Error('connect ECONNREFUSED'))
          : Promise.resolve(view(2, 'xU').members),
      () => false,
      1_000,
    );
    expect(views).toHaveLength(1);
    expect(summary).toBe('10.0.0.1:2113: connect ECONNREFUSED; 10.0.0.2:2113: knows no leader');
  });
});
