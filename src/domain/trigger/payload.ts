// The payload of a trigger: checked by the schema of its definition, which may come from any library.
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

/** The schema's output; or what is wrong, by path. Messages are the schema's own. */
export function checkPayload<Output>(
  schema: PayloadSchema<unknown, Output>,
  value: unknown,
): PayloadResult<Output> {
  const checked = schema['~standard'].validate(value);
  return checked instanceof Promise ? checked.then(resultOf) : resultOf(checked);
}

/** A promise where the schema needs to wait. */
export type PayloadResult<Output> = Waiting<Result<Output, readonly Issue[]>>;

type Waiting<T> = T | Promise<T>;

function resultOf<Output>(checked: Checked<Output>): Result<Output, readonly Issue[]> {
  return checked.issues === undefined
    ? ok(checked.value)
    : err(checked.issues.slice(0, MAX_ISSUES).map(issueOf));
}

function issueOf({ path = [], message }: SchemaIssue): Issue {
  const keys = path.map((part) => String(typeof part === 'object' ? part.key : part));
  const field = ['payload', ...keys].map((key) => printable(key)).join('.');
  return { field, message: message.slice(0, MAX_MESSAGE) };
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
