// Encodes values as their zod schema would, at a fraction of the cost: a plan is made once per schema. The schema
// encodes a value that the plan does not cover. Nothing is checked here, because the codec reads the result back.
import { z } from 'zod';
import { InstantCodec } from './envelope.ts';
import { formatInstant, MAX_INSTANT } from './instants.ts';
import { isFields } from './quick.ts';

/** The fields in the schema's order, as it writes them. */
type Plan = readonly (readonly [key: string, field: 'instant' | 'as it is' | 'by schema' | Plan])[];

export type QuickEncode = (value: unknown) => Readonly<Record<string, unknown>> | undefined;

/** @returns `undefined` for a value that the schema has to encode */
export function quickEncoder(schema: z.ZodType): QuickEncode {
  const plan = planOf(schema);
  return (value) => (plan === undefined ? undefined : encode(plan, value));
}

function planOf(schema: z.core.$ZodType): Plan | undefined {
  if (!(schema instanceof z.ZodObject) || schema.def.catchall !== undefined) return undefined;
  const shape: z.core.$ZodShape = schema.shape;
  return Object.entries(shape).map(([key, field]) => [key, fieldOf(field)] as const);
}

function fieldOf(schema: z.core.$ZodType): Plan[number][1] {
  if (schema === InstantCodec) return 'instant';
  if (schema instanceof z.ZodOptional) return fieldOf(schema.unwrap());
  if (AS_THEY_ARE.some((type) => schema instanceof type)) return 'as it is';
  return planOf(schema) ?? 'by schema';
}

/** Their values are JSON, and the same in memory and at rest. */
const AS_THEY_ARE = [z.ZodString, z.ZodNumber, z.ZodBoolean, z.ZodEnum, z.ZodLiteral, z.ZodCustom];

function encode(plan: Plan, value: unknown): Record<string, unknown> | undefined {
  if (!isFields(value)) return undefined;
  const encoded: Record<string, unknown> = {};
  for (const [key, field] of plan) {
    const given = value[key];
    // Optional fields are `undefined` in memory and absent at rest.
    if (given === undefined) continue;
    const at = typeof field === 'string' ? encodeLeaf(field, given) : encode(field, given);
    if (at === undefined) return undefined;
    encoded[key] = at;
  }
  return encoded;
}

function encodeLeaf(field: 'instant' | 'as it is' | 'by schema', value: unknown): unknown {
  if (field === 'as it is') return value;
  if (field === 'by schema' || typeof value !== 'number' || !Number.isInteger(value)) {
    return undefined;
  }
  return value < 0 || value > MAX_INSTANT ? undefined : formatInstant(value);
}
