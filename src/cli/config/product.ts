// The product of the command line: trigger types, texts and channels. By default the schedule product; a file
// `tocsin.config.ts` or `tocsin.config.mjs` in the working directory names another.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { messageOf, issuesOf } from '../../domain/core/input.ts';
import { ChannelSchema } from '../../domain/core/vocabulary.ts';
import type { Evaluator } from '../../domain/ports/evaluator.ts';
import type { TriggerDefinition } from '../../domain/trigger/definitions.ts';
import type { DeliveryChannel } from '../../kernel/processes/delivery/open-channel.ts';
import type { LocalTexts, TextsFor } from '../../kernel/processes/delivery/wording.ts';
import { scheduleProduct } from '../../schedule/triggers.ts';
import { usageError } from './usage-error.ts';

const FILES = ['tocsin.config.ts', 'tocsin.config.mjs'] as const;

const made = (by: string, key: string) => `must be made by ${by}, so it has ${key}`;
const has = (value: unknown, key: string): boolean =>
  typeof value === 'object' && value !== null && key in value;

const ProductSchema = z.strictObject({
  triggers: z
    .array(
      z.custom<TriggerDefinition>((value) => has(value, 'bind'), made('defineTrigger', 'a type')),
    )
    .min(1),
  /** Channels of its own, besides feishu and webhook. */
  channels: z
    .record(
      ChannelSchema,
      z.custom<DeliveryChannel>((value) => has(value, 'find'), made('defineChannel', 'a lookup')),
    )
    .optional(),
  texts: z
    .custom<LocalTexts | TextsFor>((value) => ['object', 'function'].includes(typeof value))
    .optional(),
  channel: ChannelSchema.optional(),
  evaluate: z.custom<Evaluator>((value) => typeof value === 'function').optional(),
});

/** What `tocsin.config.ts` or `tocsin.config.mjs` exports as its default. */
export type Product = z.output<typeof ProductSchema>;

/** True when a file names the product. */
export function hasProductFile(): boolean {
  return FILES.some((name) => existsSync(resolve(name)));
}

let loaded: Promise<Product> | undefined;

/** The product of this process; its file runs once. @throws TocsinError `invalid_product` */
export function loadProduct(): Promise<Product> {
  return (loaded ??= load());
}

async function load(): Promise<Product> {
  const found = FILES.map((name) => resolve(name)).filter((path) => existsSync(path));
  const [path, another] = found;
  if (path === undefined) return { ...scheduleProduct, triggers: [...scheduleProduct.triggers] };
  const hint =
    'Its default export must be { triggers, channels?, texts?, channel?, evaluate? }; see docs/embedding.md.';
  if (another !== undefined) {
    throw usageError('invalid_product', `there are two files, ${path} and ${another}`, 'Keep one.');
  }
  let module: unknown;
  try {
    module = await import(pathToFileURL(path).href);
  } catch (cause) {
    throw usageError('invalid_product', `${path} cannot be loaded`, hint, cause);
  }
  const parsed = z.object({ default: ProductSchema }).safeParse(module);
  if (parsed.success) return parsed.data.default;
  throw usageError('invalid_product', `${path}: ${messageOf(issuesOf(parsed.error))}`, hint);
}
