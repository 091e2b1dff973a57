// The rights that `tocsin store acl` writes, as a server keeps them.
import { expect, test } from 'vitest';
import { limitRights, readRights, type AclStore } from '../../src/adapters/eventstore/esdb/acl.ts';
import type { EventToAppend, RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { testCli } from '../support/cli.ts';

function aServer() {
  const streams = new Map<string, EventToAppend[]>();
  const acl: AclStore = {
    store: {
      async *readStream(stream) {
        const events = streams.get(stream) ?? [];
        const last = events.at(-1);
        if (last === undefined) return;
        const position = { commit: 1n, prepare: 1n };
        const revision = BigInt(events.length - 1);
        const recorded: RecordedEvent = { ...last, stream, revision, position };
        yield await Promise.resolve([recorded]);
      },
    },
    appendSystem(stream, expected, events) {
      const before = streams.get(stream) ?? [];
      const end = before.length === 0 ? 'no_stream' : BigInt(before.length - 1);
      if (end !== expected) return Promise.resolve({ outcome: 'conflict', actual: end });
      streams.set(stream, [...before, ...events]);
      const position = { commit: 1n, prepare: 1n };
      return Promise.resolve({ outcome: 'appended', revision: 0n, position });
    },
  };
  return { acl, dataOf: (stream: string) => streams.get(stream)?.at(-1)?.data, streams };
}

test('a new server lets everybody append and admins read the whole log', async () => {
  const { acl } = aServer();
  expect(await readRights(acl)).toEqual({ append: ['$all'], readAll: ['$admins'] });
});

test('rights are limited to admins and one role; what else was set is kept', async () => {
  const { acl, dataOf, streams } = aServer();
  const event = (data: EventToAppend['data']) => ({
    id: '',
    type: '$metadata',
    data,
    metadata: {},
  });
  streams.set('$$$all', [event({ $acl: { $r: 'audit', $w: 'x' }, own: 1 })]);
  const $systemStreamAcl = { $r: '$all' };
  streams.set('$settings', [event({ $systemStreamAcl, $userStreamAcl: { $r: 'somebody' } })]);
  const rights = { append: ['$admins', 'tocsin'], readAll: ['audit', '$admins', 'tocsin'] };
  for (let times = 0; times < 2; times += 1)
    expect(await limitRights(acl, 'tocsin')).toEqual(rights);
  const only = ['$admins', 'tocsin'];
  expect(dataOf('$settings')).toEqual({
    $systemStreamAcl,
    $userStreamAcl: { $r: 'somebody', $mr: '$all', $w: only, $d: only, $mw: only },
  });
  expect(dataOf('$$$all')).toEqual({ $acl: { $r: rights.readAll, $w: 'x' }, own: 1 });
});

test('a user without the right gets a refusal that ends the command with 2', async () => {
  const { acl } = aServer();
  const denied: AclStore = {
    ...acl,
    appendSystem: () =>
      Promise.resolve({ outcome: 'refused', reason: 'access_denied', message: 'AccessDenied' }),
  };
  await expect(limitRights(denied, 'tocsin')).rejects.toMatchObject({ code: 'access_denied' });
});

test.each([
  ['esdb://admin:pw@127.0.0.1:1?tls=false', 'acl_needs_credentials'],
  ['esdb://127.0.0.1:1', 'acl_needs_credentials'],
  ['embedded:store.db', 'acl_needs_server'],
])('%s is refused by `store acl`', async (store, code) => {
  await using cli = testCli();
  const ended = await cli.start(['store', 'acl', '--store', store, '--json']).ended();
  expect(ended.stdout).toContain(`"${code}"`);
  expect(ended.code).toBe(2);
});
