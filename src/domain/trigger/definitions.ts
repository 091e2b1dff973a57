// Trigger types, as the embedder defines them.
import { z } from 'zod';
import { parseDuration } from '../core/durations.ts';
import { TocsinError } from '../core/errors.ts';
import { issuesOf, messageOf, type Issue } from '../core/input.ts';
import type { Json } from '../core/json.ts';
import { ok, type Result } from '../core/result.ts';
import {
  ChannelSchema,
  NameSchema,
  RAISED_CONTRACTS,
  type RaisedContract,
} from '../core/vocabulary.ts';
import { DEFAULT_WINDOW_MS } from '../core/windows.ts';
import { LINK_RULES, TextsInput, type LinkRule, type Texts } from '../notification/texts.ts';
import { checkPolicy, type Policy, type PolicyInput } from '../policy/policy.ts';
import type { RaiseRequest } from './commands.ts';
import type { Evaluation } from './evaluation.ts';
import { checkPayload, type PayloadResult, type PayloadSchema } from './payload.ts';

/** A valid request with the payload as the schema of its type gives it. */
export type TypedRequest<Payload> = Omit<RaiseRequest, 'payload'> & { readonly payload: Payload };

/** What a link can be made of. */
export type LinkFacts<Payload> = Pick<
  TypedRequest<Payload>,
  'userId' | 'triggerType' | 'targetType' | 'targetId' | 'payload'
> & { readonly triggerId: string; readonly previewId: string };

type Parts<Payload> = {
  /** `[a-z0-9_]{1,64}` */
  readonly type: string;
  /** The sources that may raise it, `[a-z0-9_]{1,64}`. Default: any name. One alone is the default of a raise. */
  readonly sources?: readonly string[];
  /** The types of its targets, `[a-z0-9_]{1,64}`. Default: any name. One alone is the default of a raise. */
  readonly targets?: readonly string[];
  /** The sources that may pretend a time (`mockNow`). Default: all. */
  readonly mockSources?: readonly string[];
  /**
   * The dedupe scope of its triggers: `target`, the default, within a window; `feedback`, by `feedbackId`, else by
   * `idempotencyKey`, else as `target`; `scopeKey`, by the `scopeKey` of the raise within a window.
   */
  readonly scope?: 'target' | 'feedback' | 'scopeKey';
  /** The length of the scope's window in milliseconds, 1 to 365 days; `null`: no window. Default 30 minutes. */
  readonly windowMs?: number | null;
  /** The dedupe policy of its notifications, set when a kernel opens a log that has none for the type. */
  readonly policy?: PolicyInput;
  /** How long its notifications live, 1 s to 30 d, such as `3d`. Default `24h`. An evaluation may say otherwise. */
  readonly expiresIn?: string;
  /** The channel of notifications whose raise and evaluation name none. Default: the kernel's. */
  readonly channel?: string;
  /** Sentences of its own; the kernel's and the worker's stand for the others. */
  readonly texts?: Partial<Texts>;
  /**
   * What happens to links in a summary, bare domains included. `cut`, the default: each is cut out. `blank`: the summary
   * counts as blank, and `texts.fallback` replaces it. A log line and the preview tell how many links were removed.
   */
  readonly summaryLinks?: LinkRule;
  /** The contract (subject and `ce-type`) of the messages of its raised triggers. Default `trigger.raised`. */
  readonly contract?: RaisedContract;
  /** The site-relative path that a notification leads to; ids must be encoded. Default: no link. */
  readonly link?: (about: LinkFacts<Payload>) => string;
  /** Decides what a trigger of this type leads to, in place of the kernel's evaluator. It must be quick. */
  readonly evaluate?: (request: TypedRequest<Payload>) => Evaluation;
};

type WithoutSchema = Parts<Json | undefined> & { readonly payload?: undefined };
type WithSchema<Input, Payload> = Parts<Payload> & {
  readonly payload: PayloadSchema<Input, Payload>;
};

/** The parts of a definition that depend on the payload, with a valid payload. */
export type BoundTrigger = {
  /** The payload as the schema gives it: with its defaults, and without what it ignores. */
  readonly payload: unknown;
  readonly link: ((about: Omit<LinkFacts<unknown>, 'payload'>) => string) | undefined;
  readonly evaluate: ((request: RaiseRequest) => Evaluation) | undefined;
};

/** A trigger type, made by {@link defineTrigger}. `Input` is the type of the payload that a raise takes. */
export type TriggerDefinition<Input = unknown> = Omit<
  Parts<unknown>,
  'link' | 'evaluate' | 'policy' | 'expiresIn'
> &
  Required<Pick<Parts<unknown>, 'scope' | 'windowMs'>> & {
    readonly policy: Policy | undefined;
    readonly expiresInMs: number;
    /** Checks a payload; its faults name their path. @throws TocsinError `payload_schema_failed` */
    readonly bind: (payload: Json | undefined) => PayloadResult<BoundTrigger>;
    /** Types only. */
    readonly '~input'?: Input;
  };

export const DEFAULT_EXPIRES_IN_MS = 24 * 60 * 60 * 1000;
export const MAX_EXPIRES_IN_MS = 30 * 24 * 60 * 60 * 1000;
const MAX_WINDOW_MS = 365 * 24 * 60 * 60 * 1000;

/**
 * Defines a trigger type.
 *
 * @example
 * const invoiceOverdue = defineTrigger({
 *   type: 'invoice_overdue', targets: ['invoice'], payload: z.object({ amount: z.number() }),
 *   channel: 'email', expiresIn: '3d',
 *   evaluate: ({ payload }) => notify({ summary: `${payload.amount} EUR are overdue.` }),
 * });
 * @throws TocsinError `invalid_trigger_type` for a name, window, duration or policy that is out of range
 */
export function defineTrigger(definition: WithoutSchema): TriggerDefinition<Json | undefined>;
export function defineTrigger<Input, Payload>(
  definition: WithSchema<Input, Payload>,
): TriggerDefinition<Input>;
export function defineTrigger<Input, Payload>(
  definition: WithoutSchema | WithSchema<Input, Payload>,
): TriggerDefinition<Input | Json | undefined> {
  if (definition.payload === undefined) {
    return complete(definition, ok);
  }
  const { payload: schema } = definition;
  return complete(definition, (payload) => checkPayload(schema, payload, definition.type));
}

/** The issue with its path in the definition: `policy.kind` for `kind`. */
function inPolicy({ field, message }: Issue): Issue {
  return { field: field === 'policy' ? field : `policy.${field}`, message };
}

function complete<Payload>(
  definition: Parts<Payload>,
  check: (payload: Json | undefined) => PayloadResult<Payload>,
): Omit<TriggerDefinition, '~input'> {
  const { link, evaluate, policy: wanted, expiresIn, ...facts } = definition;
  const { scope = 'target', windowMs = DEFAULT_WINDOW_MS } = definition;
  const policy = wanted === undefined ? ok(undefined) : checkPolicy(wanted);
  const expiresInMs = expiresIn === undefined ? DEFAULT_EXPIRES_IN_MS : parseDuration(expiresIn);
  const issues = issuesIn({ ...facts, windowMs }, expiresInMs);
  if (!policy.ok) throw invalid(facts.type, policy.error.map(inPolicy));
  if (issues.length > 0 || !isExpiry(expiresInMs)) throw invalid(facts.type, issues);
  const bound = (
    checked: Result<Payload, readonly Issue[]>,
  ): Result<BoundTrigger, readonly Issue[]> => {
    if (!checked.ok) return checked;
    const payload = checked.value;
    return ok({
      payload,
      link: link && ((about) => link({ ...about, payload })),
      evaluate: evaluate && ((request) => evaluate({ ...request, payload })),
    });
  };
  return {
    ...facts,
    scope,
    windowMs,
    policy: policy.value,
    expiresInMs,
    bind(given) {
      const checked = check(given);
      return checked instanceof Promise ? checked.then(bound) : bound(checked);
    },
  };
}

export function isExpiry(ms: number | undefined): ms is number {
  return ms !== undefined && ms >= 1_000 && ms <= MAX_EXPIRES_IN_MS;
}

function invalid(type: string, issues: readonly Issue[]): TocsinError {
  const message = `the definition of the trigger type ${JSON.stringify(type)}: ${messageOf(issues)}`;
  const hint = 'Change what is given to defineTrigger.';
  return new TocsinError('usage', 'invalid_trigger_type', message, { hint });
}

/** What is wrong with a definition besides its policy. */
function issuesIn(facts: Facts, expiresInMs: number | undefined): readonly Issue[] {
  const parsed = FactsSchema.safeParse(facts);
  const expiry = { field: 'expiresIn', message: 'must be 1s to 30d, such as 36h' };
  return [
    ...(parsed.success ? [] : issuesOf(parsed.error)),
    ...(isExpiry(expiresInMs) ? [] : [expiry]),
  ];
}

type Facts = Pick<TriggerDefinition, keyof z.output<typeof FactsSchema>>;

const WINDOW = `must be null or a whole number of milliseconds from 1 to ${MAX_WINDOW_MS} (365 days)`;
const Names = z.array(NameSchema).min(1, { error: 'must not be empty' }).readonly().optional();

const FactsSchema = z.object({
  type: NameSchema,
  sources: Names,
  targets: Names,
  mockSources: Names,
  windowMs: z
    .int({ error: WINDOW })
    .min(1, { error: WINDOW })
    .max(MAX_WINDOW_MS, { error: WINDOW })
    .nullable(),
  channel: ChannelSchema.optional(),
  texts: TextsInput.optional(),
  summaryLinks: z.enum(LINK_RULES, { error: `must be one of ${LINK_RULES.join(', ')}` }).optional(),
  contract: z
    .enum(RAISED_CONTRACTS, { error: `must be one of ${RAISED_CONTRACTS.join(', ')}` })
    .optional(),
});
