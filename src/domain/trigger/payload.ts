// The payload of a trigger: checked by the schema of its definition, which may come from any library.
import { TocsinError } from '../core/errors.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { Issue } from '../core/input.ts';
import { printable } from '../core/text.ts';

/** A schema by the Standard Schema specification (standardschema.dev): zod, valibot, arktype and others. */
export type PayloadSchema<Input, Output> = {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Checked<Output> | Promise<Checked<Output>>;
    /** Types only; no value has them. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
};

type Checked<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

type SchemaIssue = {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
};

const MAX_ISSUES = 20;
const MAX_MESSAGE = 200;

/**
 * The schema's output; or what is wrong, by path. Messages are the schema's own.
 *
 * @param type names the trigger type in errors
 * @throws TocsinError `payload_schema_failed` when the schema throws, or answers something else than its specification says
 */
export function checkPayload<Output>(
  schema: PayloadSchema<unknown, Output>,
  value: unknown,
  type: string,
): PayloadResult<Output> {
  let checked: Checked<Output> | PromiseLike<Checked<Output>>;
  try {
    checked = schema['~standard'].validate(value);
  } catch (cause) {
    throw schemaFailed(type, 'threw an error', cause);
  }
  if (!isThenable(checked)) return resultOf(checked, type);
  return Promise.resolve(checked).then(
    (answer) => resultOf(answer, type),
    (cause: unknown) => {
      throw schemaFailed(type, 'threw an error', cause);
    },
  );
}

/** A schema may have a promise of its own kind. */
function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  );
}

function schemaFailed(type: string, what: string, cause?: unknown): TocsinError {
  const message = `the payload schema of the trigger type ${type} ${what}`;
  const hint =
    'Nothing was written. A schema answers { value } or { issues: [{ message, path? }] }; see standardschema.dev.';
  return new TocsinError('usage', 'payload_schema_failed', message, { hint, cause });
}

/** A promise where the schema needs to wait. */
export type PayloadResult<Output> = Waiting<Result<Output, readonly Issue[]>>;

type Waiting<T> = T | Promise<T>;

const NO_REASON = 'is refused by its schema, which gives no reason';

function resultOf<Output>(
  checked: Checked<Output>,
  type: string,
): Result<Output, readonly Issue[]> {
  const answer: unknown = checked;
  if (typeof answer !== 'object' || answer === null) {
    throw schemaFailed(type, `answered ${answer === null ? 'null' : typeof answer}`);
  }
  if (checked.issues === undefined) {
    if ('value' in checked) return ok(checked.value);
    throw schemaFailed(type, 'answered an object with neither value nor issues');
  }
  const issues: unknown = checked.issues;
  if (!Array.isArray(issues)) throw schemaFailed(type, 'answered issues that are no list');
  // Issues without an entry are a refusal, too.
  if (issues.length === 0) return err([{ field: 'payload', message: NO_REASON }]);
  return err(issues.slice(0, MAX_ISSUES).map(issueOf));
}

/** Reads what a schema says against a value; it may have left out any part. */
function issueOf(issue: Partial<SchemaIssue> | null | undefined): Issue {
  const { path, message }: { readonly path?: unknown; readonly message?: unknown } = issue ?? {};
  const keys = Array.isArray(path) ? path.map(keyOf) : [];
  const field = ['payload', ...keys].map((key) => printable(key)).join('.');
  const text = typeof message === 'string' && message.trim() !== '' ? message : NO_REASON;
  return { field, message: text.slice(0, MAX_MESSAGE) };
}

function keyOf(part: unknown): string {
  const key = typeof part === 'object' && part !== null && 'key' in part ? part.key : part;
  return ['string', 'number', 'symbol'].includes(typeof key) ? String(key) : '?';
}

const MAX_SAFE = 'is 2^53 or more, and JSON numbers of that size lose digits; send it as text';

/** The first number in a value that JavaScript cannot hold exactly, by path. */
export function unsafeNumberIn(value: unknown, path: readonly string[] = []): Issue | undefined {
  if (typeof value === 'number') {
    const isExact = !Number.isInteger(value) || Number.isSafeInteger(value);
    return isExact
      ? undefined
      : { field: ['payload', ...path].map((key) => printable(key)).join('.'), message: MAX_SAFE };
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, child] of Object.entries(value)) {
    const found = unsafeNumberIn(child, [...path, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}
