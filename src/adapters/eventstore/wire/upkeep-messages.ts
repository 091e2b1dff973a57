// The calls by which an archive asks `tocsin store` to remove streams and to shrink its file. They are no part of
// EventStoreDB's protocol: a server answers that it does not implement them. Requests and answers are JSON.
import { z } from 'zod';
import { parseJson } from '../../../domain/core/json.ts';
import type { FileSpace, StreamEnd } from '../../../domain/ports/stream-remover.ts';

export const REMOVE_STREAMS_PATH = '/tocsin.store.Upkeep/RemoveStreams';
export const SHRINK_PATH = '/tocsin.store.Upkeep/Shrink';

const RemoveSchema = z.strictObject({
  groups: z
    .array(
      z.array(
        z.strictObject({
          stream: z.string().min(1).max(1024),
          last: z.string().regex(/^\d{1,16}$/),
        }),
      ),
    )
    .max(10_000),
});
const RemovedSchema = z.strictObject({ removed: z.array(z.boolean()) });
const SpaceSchema = z.strictObject({
  space: z.strictObject({ free: z.number(), size: z.number() }).nullable(),
});

type Groups = readonly (readonly StreamEnd[])[];

export function encodeRemove(groups: Groups): Buffer {
  const texts = groups.map((group) =>
    group.map(({ stream, last }) => ({ stream, last: String(last) })),
  );
  return Buffer.from(JSON.stringify({ groups: texts }));
}

/** @throws Error for bytes that are no such request */
export function decodeRemove(bytes: Buffer): Groups {
  const { groups } = RemoveSchema.parse(parseJson(bytes.toString('utf8')));
  return groups.map((group) => group.map(({ stream, last }) => ({ stream, last: BigInt(last) })));
}

export function encodeRemoved(removed: readonly boolean[]): Buffer {
  return Buffer.from(JSON.stringify({ removed }));
}

/** @throws Error for bytes that are no such answer */
export function decodeRemoved(bytes: Buffer): readonly boolean[] {
  return RemovedSchema.parse(parseJson(bytes.toString('utf8'))).removed;
}

export function encodeSpace(space: FileSpace | undefined): Buffer {
  return Buffer.from(JSON.stringify({ space: space ?? null }));
}

/** @throws Error for bytes that are no such answer */
export function decodeSpace(bytes: Buffer): FileSpace | undefined {
  return SpaceSchema.parse(parseJson(bytes.toString('utf8'))).space ?? undefined;
}
