// What commands take from a running `start`, and what they must be told themselves.
import { describe, expect, test } from 'vitest';
import { besideStart } from '../../src/cli/config/beside-start.ts';
import type { RunFile } from '../../src/cli/config/run-file.ts';
import {
  SECRETS,
  SETTINGS,
  SHARED_SETTINGS,
  type SettingName,
} from '../../src/cli/config/settings.ts';
import type { Sources } from '../../src/cli/config/sources.ts';

const RUNNING: RunFile = {
  pid: 1,
  store: 'esdb://127.0.0.1:1',
  storeFile: '/var/store.db',
  nats: 'nats://127.0.0.1:2',
  http: 'http://127.0.0.1:3',
  settings: { state: 'own/state.db', natsCreds: 'a.creds', vault: 'own/vault.db' },
  withheld: [],
};

function told(values: Readonly<Record<string, string>> = {}): Sources {
  return { setting: (name) => values[name], secret: (name) => values[name] };
}

describe('besideStart', () => {
  test('takes what the command is not told, and its own word first', () => {
    const { setting } = besideStart(told({ state: 'mine.db' }), RUNNING, []);
    expect([setting('state'), setting('vault'), setting('natsCreds')]).toEqual([
      'mine.db',
      'own/vault.db',
      'a.creds',
    ]);
  });

  test('takes nothing for another store, and no credentials for another NATS server', () => {
    const other = besideStart(told({ store: 'embedded:/other.db' }), RUNNING, []);
    expect(other.setting('vault')).toBeUndefined();
    for (const store of [RUNNING.store, 'embedded:/var/store.db']) {
      expect(besideStart(told({ store }), RUNNING, []).setting('vault')).toBe('own/vault.db');
    }
    const nats = besideStart(told({ nats: 'nats://other' }), RUNNING, []);
    expect([nats.setting('natsCreds'), nats.setting('vault')]).toEqual([undefined, 'own/vault.db']);
  });

  test.each([
    ['vaultKey', 'vaultKeyFile', { vaultKey: 'k' }],
    ['natsPassword', 'nats', { natsPassword: 'p' }],
    ['natsToken', 'nats', { nats: 'nats://token@127.0.0.1' }],
    ['store', 'store', { store: 'esdb://user:word@127.0.0.1:1' }],
    ['nats', 'nats', { nats: 'nats://user:word@127.0.0.1' }],
  ] as const)(
    'asks for %s, which the start withholds, where the command uses it',
    (name, use, given) => {
      const running: RunFile = { ...RUNNING, withheld: [name] };
      const uses: readonly SettingName[] = [use];
      expect(() => besideStart(told(), running, uses)).toThrow(
        expect.objectContaining({ code: 'setting_withheld' }),
      );
      expect(() => besideStart(told(), running, ['timeZone'])).not.toThrow();
      expect(() => besideStart(told(given), running, uses)).not.toThrow();
    },
  );
});

test('a start tells every setting but its addresses, its limits and what may hold a secret', () => {
  const names = Object.keys(SETTINGS);
  expect(names.filter((name) => !SHARED_SETTINGS.some((shared) => shared === name))).toEqual([
    ...['store', 'nats', 'http', 'api', 'apiRate', 'apiBurst', 'apiBody', 'consoleHosts'],
    ...['headsWebhook', 'headsEvery', 'logLevel', 'otlp', 'traceRatio'],
  ]);
  expect(names.filter((name) => SECRETS.some((secret) => secret === name))).toEqual([]);
});
