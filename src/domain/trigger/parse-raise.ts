// Validates the input of a raise, by its schema and by the definition of its type.
import type { z } from 'zod';
import { issuesOf, rejection, rejectionWith, type Issue } from '../core/input.ts';
import type { Instant } from '../core/instants.ts';
import { err, ok, type Result } from '../core/result.ts';
import {
  DEFAULT_SOURCE,
  DRY_RUN_SOURCE,
  RaiseInputSchema,
  type RaiseRequest,
  type Rejection,
} from './commands.ts';
import type { TriggerDefinition } from './definitions.ts';
import { unsafeNumberIn } from './payload.ts';

/** A valid request. */
export type ParsedRaise = {
  readonly request: RaiseRequest;
  readonly definition: TriggerDefinition;
  /** What the client sent, in one form: without defaults, and without the trace id. An idempotency key belongs to it. */
  readonly sent: Readonly<Record<string, unknown>>;
};

/** Validates what a client sent; `defaults` fills absent fields. */
export function parseRaise(
  input: unknown,
  definitions: ReadonlyMap<string, TriggerDefinition>,
  defaults: { readonly now: Instant; readonly traceId: string },
): Result<ParsedRaise, Rejection> {
  const parsed = RaiseInputSchema.safeParse(input);
  const definition = definitions.get(parsed.data?.triggerType ?? typeIn(input));
  const issues = definition === undefined ? [] : issuesUnder(definition, input);
  if (!parsed.success) return err(rejectionOf(parsed.error, input, issues));
  const { requestedAt, traceId, ...sent } = parsed.data;
  if (definition === undefined) {
    return err(notDefined(definitions));
  }
  const usual = usualFields(definition);
  const { source = usual.source, ...rest } = sent;
  const { targetType = usual.targetType } = sent;
  if (source === DRY_RUN_SOURCE) {
    return err(rejection('dry_run_only', 'source', 'api_dry_run can only be used for a dry run'));
  }
  if (issues.length > 0 || source === undefined || targetType === undefined) {
    return err(rejectionWith('invalid_field', issues));
  }
  const { mockSources = [source] } = definition;
  if (sent.mockNow !== undefined && !mockSources.includes(source)) {
    const allowed = `is allowed with source ${mockSources.join(', ')} only`;
    return err(rejection('mock_not_allowed', 'mockNow', allowed));
  }
  const unsafe = unsafeNumberIn(sent.payload);
  if (unsafe !== undefined) return err(rejectionWith('payload_invalid', [unsafe]));
  const request = {
    ...rest,
    source,
    targetType,
    requestedAt: requestedAt ?? defaults.now,
    traceId: traceId ?? defaults.traceId,
  };
  return ok({
    request,
    definition,
    sent: requestedAt === undefined ? sent : { ...sent, requestedAt },
  });
}

/** The refusal of a type that nobody defined. */
export function notDefined(definitions: ReadonlyMap<string, TriggerDefinition>): Rejection {
  const known = [...definitions.keys()].join(', ');
  return rejection('unknown_trigger_type', 'triggerType', `is not one of ${known}`);
}

/** What the definition of its type says against an input: the lists of the embedder, and the fields of the scope. */
function issuesUnder(definition: TriggerDefinition, input: unknown): readonly Issue[] {
  const given: Readonly<Record<string, unknown>> =
    typeof input === 'object' && input !== null ? { ...input } : {};
  const inList = (field: string, list: readonly string[] | undefined, more: string[] = []) => {
    const value = given[field];
    if (value === undefined) {
      const usual = field === 'source' ? sourceOf(definition) : onlyOf(list);
      return usual === undefined ? [{ field, message: 'is required' }] : [];
    }
    const allowed = list === undefined ? undefined : [...list, ...more];
    if (allowed === undefined || allowed.some((each) => each === value)) return [];
    return [{ field, message: `must be one of ${allowed.join(', ')}` }];
  };
  return [
    ...inList('source', definition.sources, [DRY_RUN_SOURCE]),
    ...inList('targetType', definition.targets),
    ...(definition.scope === 'scopeKey' && isBlank(given['scopeKey'])
      ? [{ field: 'scopeKey', message: `is required by the scope of ${definition.type}` }]
      : []),
  ];
}

function isBlank(value: unknown): boolean {
  return value === undefined || (typeof value === 'string' && value.trim() === '');
}

function typeIn(input: unknown): string {
  const isNamed = typeof input === 'object' && input !== null && 'triggerType' in input;
  return isNamed && typeof input.triggerType === 'string' ? input.triggerType : '';
}

/** The source and target type of a raise that names none. */
export function usualFields(definition: TriggerDefinition) {
  return { source: sourceOf(definition), targetType: onlyOf(definition.targets) };
}

/** The source of a raise that names none. */
function sourceOf({ sources }: TriggerDefinition): string | undefined {
  const isAllowed = sources === undefined || sources.includes(DEFAULT_SOURCE);
  return onlyOf(sources) ?? (isAllowed ? DEFAULT_SOURCE : undefined);
}

/** The only entry of a list. */
function onlyOf(list: readonly string[] | undefined): string | undefined {
  return list?.length === 1 ? list[0] : undefined;
}

const FIELDS = Object.keys(RaiseInputSchema.shape);

export function rejectionOf(
  error: z.ZodError,
  input: unknown,
  more: readonly Issue[] = [],
): Rejection {
  const unknown =
    more.length === 0 && error.issues.every(({ code }) => code === 'unrecognized_keys');
  const named = new Set(more.map(({ field }) => field));
  const issues = issuesOf(error, { input }).filter(({ field }) => !named.has(field));
  const order = ({ field }: Issue): number => FIELDS.indexOf(field.split('.', 1)[0] ?? '');
  const all =
    more.length === 0 ? issues : [...issues, ...more].toSorted((a, b) => order(a) - order(b));
  return rejectionWith(unknown ? 'unknown_field' : 'invalid_field', all);
}
