// Redacts secrets in fields, texts, errors and their causes before a log entry is written. In doubt it redacts.

const SECRET_KEY =
  /pass(?:word|wd|phrase)?$|token|authorization|secret|cred(?:s|entials?)?$|webhook|cookie|private_?key|api_?key/i;

/** Up to the last @ before a space: a password may hold any other character. URLs with three slashes hold no credentials. */
const URL_CREDENTIALS = /:\/\/(?!\/)[^\s"'`<>]*@/g;
const URL_PARAMETER =
  /([?&][^\s=&#?]*(?:token|secret|password|key|signature|sign|auth)[^\s=&#?]*=)[^\s&#"'`]+/gi;
/** Webhook URLs whose path is the secret. */
const WEBHOOK_PATH = /(\/(?:hook|hooks|trigger-webhook|event|services)\/)[^\s"'`<>?#]{8,}/g;
const AUTHORIZATION = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{4,}/gi;

/** Deeper objects, longer texts and more items are cut. */
const MAX_DEPTH = 6;
const MAX_TEXT = 8192;
const MAX_ITEMS = 100;

/** The text without URL credentials, tokens and webhook keys. */
export function redactText(text: string): string {
  return (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text)
    .replace(URL_CREDENTIALS, '://***@')
    .replace(URL_PARAMETER, '$1***')
    .replace(WEBHOOK_PATH, '$1***')
    .replace(AUTHORIZATION, '$1 ***');
}

/** The fields as JSON values, without secrets and cycles; bigints become text. */
export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return entriesOf(fields, []);
}

function show(key: string, value: unknown, above: readonly object[]): unknown {
  if (SECRET_KEY.test(key) && value !== undefined && value !== null) return '***';
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (above.includes(value)) return '(seen above)';
  if (above.length >= MAX_DEPTH) return '…';
  const path = [...above, value];
  if (value instanceof Error) return showError(value, path);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof URL) return redactText(value.href);
  if (ArrayBuffer.isView(value)) return `(${value.byteLength} bytes)`;
  if (value instanceof Map) return entriesOf(byText(value), path);
  if (value instanceof Set) return items(key, [...value], path);
  return Array.isArray(value) ? items(key, value, path) : entriesOf(value, path);
}

function items(key: string, list: readonly unknown[], path: readonly object[]): unknown[] {
  const shown = list.slice(0, MAX_ITEMS).map((item) => show(key, item, path));
  return list.length > MAX_ITEMS ? [...shown, `… ${list.length - MAX_ITEMS} more`] : shown;
}

function entriesOf(value: object, path: readonly object[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [key, show(key, field, path)]),
  );
}

function byText(map: ReadonlyMap<unknown, unknown>): object {
  const names = Array.from(map, ([key, value]): [string, unknown] => [
    typeof key === 'string' || typeof key === 'number' ? String(key) : `(a ${typeof key})`,
    value,
  ]);
  return Object.fromEntries(names);
}

/** Name, message, code, hint and stack of an error, and the same of its cause. */
function showError(error: Error, path: readonly object[]): object {
  return {
    name: error.name,
    message: redactText(error.message),
    ...textField(error, 'code'),
    ...textField(error, 'hint'),
    ...textField(error, 'stack'),
    ...(error instanceof AggregateError && { errors: items('errors', error.errors, path) }),
    ...(error.cause === undefined ? {} : { cause: show('cause', error.cause, path) }),
  };
}

function textField(error: Error, name: 'code' | 'hint' | 'stack'): Record<string, string> {
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' ? { [name]: redactText(value) } : {};
}
