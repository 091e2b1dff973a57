// Checking an export with nothing but its file: every line's hash, its place, its personal part, and the
// manifest with its signature. It also takes personal parts out of an export, which leaves the chain whole.
import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { TocsinError } from '../../../domain/core/errors.ts';
import {
  canonicalJson,
  isJsonObject,
  MAX_STORED_DEPTH,
  nestsDeeperThan,
  parseJson,
  type JsonObject,
} from '../../../domain/core/json.ts';
import {
  GENESIS,
  hashOf,
  LineSchema,
  personalHashOf,
  type EventLine,
  type ExportLine,
  type HeaderLine,
  type Manifest,
} from './format.ts';

/** What can be wrong with an export. */
export type ExportFaultCode =
  | 'not_a_line'
  | 'line_changed'
  | 'line_missing'
  | 'line_added'
  | 'line_moved'
  | 'chain_broken'
  | 'personal_changed'
  | 'header_missing'
  | 'manifest_missing'
  | 'manifest_wrong'
  | 'signature_wrong';

export type ExportFault = {
  readonly code: ExportFaultCode;
  /** Line of the file, from 1. */
  readonly line: number;
  readonly detail: string;
};

/** What was found in an export. It is whole when `faults` is empty. */
export type ExportReport = {
  readonly events: number;
  /** Events whose personal part was taken out. */
  readonly redacted: number;
  readonly header: Pick<HeaderLine, 'kernel' | 'storeId' | 'filter'> | null;
  readonly manifest: Pick<Manifest, 'events' | 'first' | 'last' | 'types'> | null;
  /** The hash that stands for the export; compare it with one that was written down elsewhere. */
  readonly root: string | null;
  readonly signature: 'none' | 'valid' | 'invalid';
  /** SHA-256 of the key that signed, in hex: whose key it is, the file cannot say. */
  readonly signedBy: string | null;
  /** The first hundred. */
  readonly faults: readonly ExportFault[];
  readonly faultCount: number;
};

const MAX_FAULTS = 100;

/** A stored event's data, and the line around it. */
const MAX_LINE_DEPTH = MAX_STORED_DEPTH + 8;

/**
 * Checks an export line by line.
 *
 * @param options.publicKey the key (PEM) that must have signed it; absent, the one in the file is used,
 *   which proves only that whoever made the file made the signature
 */
export async function verifyExport(
  lines: AsyncIterable<string>,
  options: { readonly publicKey?: string | undefined } = {},
): Promise<ExportReport> {
  const key = options.publicKey === undefined ? undefined : publicKeyOf(options.publicKey);
  const check = new Check(key);
  for await (const text of lines) check.line(text);
  return check.end();
}

/**
 * The same export without personal parts: of one user, or of all.
 * @throws TocsinError `usage` for what is no export
 */
export async function* redactExport(
  lines: AsyncIterable<string>,
  options: { readonly user?: string | undefined } = {},
): AsyncGenerator<string, void, undefined> {
  for await (const text of lines) {
    const read = lineOf(text);
    if (read === undefined) throw notAnExport();
    const { line, json } = read;
    const isMeant = line.kind === 'event' && isAbout(line, options.user);
    yield isMeant ? canonicalJson(withoutPersonal(json)) : text;
  }
}

class Check {
  readonly #key: KeyObject | undefined;
  readonly #faults: ExportFault[] = [];
  #faultCount = 0;
  #at = 0;
  /** The number that the next line has to have. */
  #next = 0;
  #previous = GENESIS;
  /** Numbers that were passed over, as ranges in ascending order: they are missing, or come later. */
  #skipped: { from: number; to: number }[] = [];
  #events = 0;
  #redacted = 0;
  readonly #types = new Map<string, number>();
  #first: string | null = null;
  #last: string | null = null;
  #header: HeaderLine | null = null;
  #manifest: Manifest | null = null;
  #signature: ExportReport['signature'] = 'none';
  #signedBy: string | null = null;

  constructor(key: KeyObject | undefined) {
    this.#key = key;
  }

  line(text: string): void {
    this.#at += 1;
    const read = lineOf(text);
    if (read === undefined) {
      this.#fault('not_a_line', 'it is no line of an export');
      return;
    }
    const { line, json } = read;
    // Not only what it says: not a byte may differ from how it was written.
    if (hashOf(json) !== line.hash || canonicalJson(json) !== text) {
      this.#fault('line_changed', `line ${line.n} of the export is not what its hash says`);
    }
    this.#place(line);
    if (this.#manifest !== null) this.#fault('line_added', 'it comes after the manifest');
    else if (line.kind === 'header') this.#header ??= line;
    else if (line.kind === 'event') this.#event(line);
    else this.#end(line);
  }

  end(): ExportReport {
    for (const { from, to } of this.#skipped) {
      this.#fault(
        'line_missing',
        from === to ? `line ${from} of the export` : `lines ${from} to ${to} of the export`,
      );
    }
    if (this.#header === null) this.#fault('header_missing', 'it does not begin with a header');
    if (this.#manifest === null)
      this.#fault('manifest_missing', 'it was cut: it ends without a manifest');
    const { kernel = '', storeId = '', filter = {} } = this.#header ?? {};
    const { events = 0, first = null, last = null, types = {} } = this.#manifest ?? {};
    return {
      events: this.#events,
      redacted: this.#redacted,
      header: this.#header && { kernel, storeId, filter },
      manifest: this.#manifest && { events, first, last, types },
      root: this.#manifest?.root ?? null,
      signature: this.#signature,
      signedBy: this.#signedBy,
      faults: this.#faults,
      faultCount: this.#faultCount,
    };
  }

  #place(line: ExportLine): void {
    const { n, prev, hash } = line;
    if (n === this.#next) {
      if (prev !== this.#previous) {
        this.#fault(
          'chain_broken',
          `line ${n} does not follow the one before it, which is not the one that was written`,
        );
      }
    } else if (n > this.#next) {
      this.#skipped.push({ from: this.#next, to: n - 1 });
    } else if (this.#takeSkipped(n)) {
      this.#fault('line_moved', `line ${n} of the export comes after line ${this.#next - 1}`);
      return;
    } else {
      this.#fault('line_added', `there is a line ${n} already`);
      return;
    }
    this.#next = n + 1;
    this.#previous = hash;
  }

  #takeSkipped(n: number): boolean {
    const at = this.#firstSkippedTo(n);
    const range = this.#skipped[at];
    if (range === undefined || range.from > n) return false;
    const parts = [
      { from: range.from, to: n - 1 },
      { from: n + 1, to: range.to },
    ];
    this.#skipped.splice(at, 1, ...parts.filter(({ from, to }) => from <= to));
    return true;
  }

  /** By halves: a file made to waste time has a range for every other line. */
  #firstSkippedTo(n: number): number {
    let [low, high] = [0, this.#skipped.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#skipped[middle]?.to ?? n) < n) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #event(line: EventLine): void {
    const { event, personalHash, personal } = line;
    this.#events += 1;
    this.#types.set(event.type, (this.#types.get(event.type) ?? 0) + 1);
    this.#first ??= event.position;
    this.#last = event.position;
    if (personalHash !== undefined && personal === undefined) this.#redacted += 1;
    if (personal === undefined) return;
    if (personalHash === personalHashOf(personal.salt, personal.value)) return;
    this.#fault(
      'personal_changed',
      `the personal part of line ${line.n} is not what its hash says`,
    );
  }

  #end(manifest: Manifest): void {
    this.#manifest = manifest;
    const found = canonicalJson({
      events: this.#events,
      first: this.#first,
      last: this.#last,
      types: Object.fromEntries(this.#types),
      root: manifest.prev,
    });
    const { events, first, last, types, root } = manifest;
    const said = canonicalJson({ events, first, last, types, root });
    if (found !== said)
      this.#fault('manifest_wrong', `it says ${said}, and the lines are ${found}`);
    this.#checkSignature(manifest);
  }

  #checkSignature({ signature, hash }: Manifest): void {
    if (signature === undefined) {
      if (this.#key !== undefined) this.#fault('signature_wrong', 'it is not signed');
      return;
    }
    const own = keyIn(signature.publicKey);
    const key = this.#key ?? own;
    const isValid =
      key !== undefined &&
      verify(null, Buffer.from(hash), key, Buffer.from(signature.value, 'base64'));
    this.#signature = isValid ? 'valid' : 'invalid';
    this.#signedBy = isValid ? fingerprintOf(key) : null;
    if (!isValid) this.#fault('signature_wrong', 'the manifest was not signed with this key');
  }

  #fault(code: ExportFaultCode, detail: string): void {
    this.#faultCount += 1;
    if (this.#faults.length < MAX_FAULTS) this.#faults.push({ code, line: this.#at, detail });
  }
}

/** A line as what it is, and as the JSON that its hash is of. */
type Read = { readonly line: ExportLine; readonly json: JsonObject };

function lineOf(text: string): Read | undefined {
  if (nestsDeeperThan(text, MAX_LINE_DEPTH)) return undefined;
  try {
    const json = parseJson(text);
    const parsed = LineSchema.safeParse(json);
    return parsed.success && isJsonObject(json) ? { line: parsed.data, json } : undefined;
  } catch {
    // Not JSON, so no line of an export.
    return undefined;
  }
}

function withoutPersonal({ personal: _, ...line }: JsonObject): JsonObject {
  return line;
}

function isAbout({ event }: EventLine, user: string | undefined): boolean {
  if (user === undefined) return true;
  const { data } = event;
  if (typeof data !== 'object' || data === null || !('userId' in data)) return false;
  const { userId } = data;
  return userId === user || (typeof userId === 'number' && String(userId) === user);
}

function publicKeyOf(pem: string): KeyObject {
  const key = keyIn(pem);
  if (key !== undefined) return key;
  throw new TocsinError('usage', 'invalid_key', 'the key is no public Ed25519 key', {
    hint: 'Take it from the private one with: openssl pkey -in key.pem -pubout',
  });
}

function keyIn(pem: string): KeyObject | undefined {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    // No key: whoever asked says what that means.
    return undefined;
  }
}

function fingerprintOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

function notAnExport(): TocsinError {
  return new TocsinError('usage', 'not_an_export', 'the file is no export of Tocsin', {
    hint: 'Make one with: tocsin audit export --out FILE',
  });
}
