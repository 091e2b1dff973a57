// A world on an embedded store, whose log a test archives.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { archiveFile, archiveSource } from '../../src/adapters/archive/archive-file.ts';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { StreamRemover } from '../../src/domain/ports/stream-remover.ts';
import {
  archive,
  type ArchiveContext,
  type ArchiveOptions,
  type ArchiveResult,
} from '../../src/kernel/archive/archive.ts';
import { createAudit, type Audit } from '../../src/kernel/create-audit.ts';
import { systemRuntime } from '../../src/kernel/decider/runtime.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { readerOf } from './audited.ts';
import { makeWorld, type World, type WorldOptions } from './world.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

type Archiving = Partial<ArchiveOptions> & {
  readonly context?: Partial<ArchiveContext>;
  /** The name of the file; default `one.ndjson`. */
  readonly name?: string;
};

export type ArchivingWorld = AsyncDisposable &
  World & {
    readonly folder: string;
    readonly remover: StreamRemover;
    readonly pathOf: (name: string) => string;
    /** Archives what is older than two days, unless the options say otherwise. */
    readonly archive: (options?: Archiving) => Promise<ArchiveResult>;
    /** An audit with these archives. */
    readonly audit: (...names: readonly string[]) => Promise<Audit>;
  };

export async function archivingWorld(
  options: WorldOptions & { readonly owned?: EventStore & StreamRemover } = {},
): Promise<ArchivingWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-archive-'));
  const owned = options.owned ?? (await embeddedStore({ file: join(folder, 'events.db') }));
  const world = await makeWorld({ ...options, store: owned });
  const { clock, file, kernel, output } = world;
  const pathOf = (name: string): string => join(folder, name);
  return {
    ...world,
    folder,
    remover: owned,
    pathOf,
    archive({ context = {}, name = 'one.ndjson', ...more } = {}) {
      const parts = {
        store: owned,
        remover: owned,
        kernel: 'tocsin',
        runtime: systemRuntime(clock),
        state: file.open(),
        triggers: scheduleProduct.triggers,
        ...context,
      };
      const given = {
        before: clock.now() - 2 * DAY,
        file: archiveFile(pathOf(name)),
        plain: true,
        ...more,
      };
      return archive(parts, given, { actor: 'a test' });
    },
    audit: async (...names) =>
      createAudit({
        log: owned,
        scratch: memoryReadModel,
        state: file.open(),
        messages: await readerOf({ output }),
        archives: names.map((name) => archiveSource(pathOf(name))),
      }),
    async [Symbol.asyncDispose]() {
      await kernel[Symbol.asyncDispose]();
      await owned[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
