import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { embeddedReader } from '../../src/adapters/eventstore/embedded/store.ts';
import { all, anEvent, follow, write } from '../../src/facade/contracts/event-store-support.ts';
import { child, codeOf, opened, temporaryFile } from './embedded.support.ts';

const forwards = { direction: 'forwards', prefixes: [] } as const;

describe('the file of an embedded store', () => {
  test('has one owner, named with its pid in the error of a second one', async () => {
    const file = temporaryFile();
    const store = await opened(file);
    await expect(opened(file)).rejects.toThrow(`in use by a test (process ${process.pid}`);
    expect(await codeOf(() => opened(file))).toBe('refused store_in_use');
    await store[Symbol.asyncDispose]();
    await opened(file);
  });

  test('is free again when its owner was killed', async () => {
    const file = temporaryFile();
    const owner = child(
      file,
      `const store = await embeddedStore({ file, holder: 'tocsin start' });
       say(await store.append('a', 'no_stream', [anEvent(0)]).then(({ outcome }) => outcome));
       setInterval(() => undefined, 1000);`,
    );
    expect((await owner.lines.next()).value).toBe('"appended"');
    await expect(opened(file)).rejects.toThrow(`tocsin start (process ${owner.process.pid}`);
    owner.process.kill('SIGKILL');
    await owner.exited;
    const store = await opened(file);
    expect(await all(store.readAll(forwards))).toHaveLength(1);
  });

  test('can be read beside its owner, in this process and in another', async () => {
    const file = temporaryFile();
    const store = await opened(file);
    await write(store, 'a', 'no_stream', [anEvent(0)]);
    await using reader = embeddedReader(file);
    expect(await all(reader.readAll(forwards))).toHaveLength(1);
    await write(store, 'a', 0n, [anEvent(1)]);
    expect(await all(reader.readStream('a', { direction: 'forwards' }))).toHaveLength(2);
    const other = child(
      file,
      `const reader = embeddedReader(file);
       for await (const page of reader.readAll({ direction: 'forwards', prefixes: [] })) say(page.length);`,
    );
    expect((await other.lines.next()).value).toBe('2');
    expect((await other.exited).code).toBe(0);
    await write(store, 'a', 1n, [anEvent(2)]);
  });

  test('is a single file after closing', async () => {
    const file = temporaryFile('deep/er/events.db');
    const store = await opened(file);
    await write(store, 'a', 'no_stream', [anEvent(0)]);
    await all(store.readAll(forwards));
    await store[Symbol.asyncDispose]();
    expect(existsSync(`${file}-wal`)).toBe(false);
  });
});

describe('closing an embedded store', () => {
  test('waits for pending appends and refuses later ones', async () => {
    const file = temporaryFile();
    const store = await opened(file);
    const appends = [0, 1, 2].map((n) => store.append(`s${n}`, 'no_stream', [anEvent(n)]));
    await Promise.all([store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()]);
    for (const result of await Promise.all(appends)) expect(result.outcome).toBe('appended');
    const late = (): Promise<unknown> => store.append('a', 'no_stream', []);
    expect(await codeOf(late)).toBe('usage store_closed');
    expect(await codeOf(() => all(store.readAll(forwards)))).toBe('usage store_closed');
    await using reader = embeddedReader(file);
    expect(await all(reader.readAll(forwards))).toHaveLength(3);
  });

  test('ends subscriptions with an error', async () => {
    const store = await opened(temporaryFile());
    const follower = follow(store, { prefixes: [] });
    await follower.untilCaughtUp();
    await store[Symbol.asyncDispose]();
    expect(await codeOf(() => follower.stop())).toBe('usage store_closed');
  });
});

describe('a process with an embedded store', () => {
  const body = `
    const store = await embeddedStore({ file });
    say(await store.append('a', 'no_stream', [anEvent(0)]).then(({ outcome }) => outcome));`;

  test('exits by itself even without closing the store', async () => {
    for (const rest of ['', 'await store[Symbol.asyncDispose]();']) {
      const started = child(temporaryFile(), body + rest);
      expect((await started.lines.next()).value).toBe('"appended"');
      expect(await started.exited).toEqual({ code: 0, signal: null });
      expect(await started.stderr).toBe('');
    }
  });

  test('may be started with any options of Node', async () => {
    const preload = 'data:text/javascript,if(!process.env.PATH)throw(0)';
    const started = child(temporaryFile(), body, {
      NODE_OPTIONS: `--max-old-space-size=256 --input-type=module --title=host --import ${preload}`,
    });
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect((await started.lines.next()).value).toBe('"appended"');
  });
});
