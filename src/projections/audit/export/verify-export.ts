// `audit verify-export`: checks an export with nothing but its lines: every line's hash, its number and its
// personal part, and the manifest with its signature.
import { createHash, createPublicKey, hash, verify, type KeyObject } from 'node:crypto';
import { TocsinError } from '../../../domain/core/errors.ts';
import { canonicalJson } from '../../../domain/core/json.ts';
import { Frontier } from '../../notary/frontier.ts';
import { leafTexts, publicPersonal } from '../../notary/leaf.ts';
import { leafHash } from '../../notary/merkle.ts';
import {
  eventLineText,
  GENESIS,
  hashOf,
  lineOf,
  type ReadLine,
  type EventLine,
  type ExportLine,
  type HeaderLine,
  type Manifest,
} from './format.ts';

/** The kinds of faults in an export. */
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

/** The result of a check. The export is complete and unchanged when `faults` is empty. */
export type ExportReport = {
  /** True for the whole log up to the export's end; false where the export leaves events out, or is faulty. */
  readonly whole: boolean;
  readonly events: number;
  /** Events whose personal part was removed. */
  readonly redacted: number;
  readonly header: Pick<HeaderLine, 'kernel' | 'storeId' | 'filter'> | null;
  readonly manifest: Pick<
    Manifest,
    'events' | 'first' | 'last' | 'types' | 'omitted' | 'tree'
  > | null;
  /** The hash of the whole export; compare it with a copy that was kept elsewhere. */
  readonly root: string | null;
  /** The hash of its last line, which covers the whole file; the log records it of an archive. */
  readonly hash: string | null;
  readonly signature: 'none' | 'valid' | 'invalid';
  /** SHA-256 of the public key that signed, in hex. The file does not say whose key it is. */
  readonly signedBy: string | null;
  /** The first hundred. */
  readonly faults: readonly ExportFault[];
  readonly faultCount: number;
};

const MAX_FAULTS = 100;

/**
 * Checks an export line by line.
 *
 * @param options.publicKey the key (PEM) that must have signed it; absent, the one in the file is used,
 *   which proves only that the same person made the file and the signature
 */
export async function verifyExport(
  lines: AsyncIterable<string>,
  options: { readonly publicKey?: string | undefined } = {},
): Promise<ExportReport> {
  const key = options.publicKey === undefined ? undefined : publicKeyOf(options.publicKey);
  const check = new ExportCheck(key);
  for await (const text of lines) check.line(text);
  return check.end();
}

/** Checks an export as its lines come. */
export class ExportCheck {
  readonly #key: KeyObject | undefined;
  readonly #faults: ExportFault[] = [];
  #faultCount = 0;
  #at = 0;
  /** The number of the next line. */
  #next = 0;
  #previous = GENESIS;
  /** Numbers that were skipped, as ascending ranges: the lines are missing, or come later. */
  #skipped: { from: number; to: number }[] = [];
  #tree = new Frontier();
  #events = 0;
  #redacted = 0;
  readonly #types = new Map<string, number>();
  #first: string | null = null;
  #last: string | null = null;
  #header: HeaderLine | null = null;
  #manifest: Manifest | null = null;
  #signature: ExportReport['signature'] = 'none';
  #signedBy: string | null = null;

  constructor(key?: KeyObject) {
    this.#key = key;
  }

  /** @returns the line, unless it is none */
  line(text: string): ExportLine | undefined {
    this.#at += 1;
    const read = lineOf(text);
    if (read === undefined) {
      this.#fault('not_a_line', 'this is not a line of an export');
      return undefined;
    }
    const { line } = read;
    // The bytes count too, not only their meaning.
    const own = textsOf(read, this.#isArchive);
    if (own.hash !== line.hash || own.text !== text) {
      this.#fault('line_changed', `line ${line.n} of the export does not fit its hash`);
    }
    this.#checkNumber(line);
    if (this.#manifest !== null) this.#fault('line_added', 'the line comes after the manifest');
    else if (line.kind === 'header') this.#begin(line);
    else if (line.kind === 'event') this.#event(line, own.leaf);
    else this.#end(line);
    return line;
  }

  end(): ExportReport {
    for (const { from, to } of this.#skipped) {
      this.#fault(
        'line_missing',
        from === to ? `line ${from} of the export` : `lines ${from} to ${to} of the export`,
      );
    }
    if (this.#header === null) this.#fault('header_missing', 'the first line is not a header');
    if (this.#manifest === null)
      this.#fault('manifest_missing', 'the export ends without a manifest: it was cut');
    const { kernel = '', storeId = '', filter = {} } = this.#header ?? {};
    const { events = 0, first = null, last = null, types = {} } = this.#manifest ?? {};
    const { omitted = 0, tree = null } = this.#manifest ?? {};
    return {
      whole: this.#faultCount === 0 && tree !== null && omitted === 0,
      events: this.#events,
      redacted: this.#redacted,
      header: this.#header && { kernel, storeId, filter },
      manifest: this.#manifest && { events, first, last, types, omitted, tree },
      root: this.#manifest?.root ?? null,
      hash: this.#manifest?.hash ?? null,
      signature: this.#signature,
      signedBy: this.#signedBy,
      faults: this.#faults,
      faultCount: this.#faultCount,
    };
  }

  #begin(header: HeaderLine): void {
    if (this.#header !== null) return;
    this.#header = header;
    if (header.after === undefined) return;
    const { size, peaks } = header.after;
    try {
      this.#tree = new Frontier(
        size,
        peaks.map((peak) => Buffer.from(peak, 'hex')),
      );
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#fault('manifest_wrong', `the header is wrong: ${error.message}`);
    }
  }

  #checkNumber(line: ExportLine): void {
    const { n, prev, hash } = line;
    if (n === this.#next) {
      if (prev !== this.#previous) {
        this.#fault('chain_broken', `line ${n} does not have the hash of the line before it`);
      }
    } else if (n > this.#next) {
      this.#skipped.push({ from: this.#next, to: n - 1 });
    } else if (this.#removeSkipped(n)) {
      this.#fault('line_moved', `line ${n} of the export comes after line ${this.#next - 1}`);
      return;
    } else {
      this.#fault('line_added', `there is already a line ${n}`);
      return;
    }
    this.#next = n + 1;
    this.#previous = hash;
  }

  #removeSkipped(n: number): boolean {
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

  /** A binary search: a hostile file can have a range for every other line. */
  #firstSkippedTo(n: number): number {
    let [low, high] = [0, this.#skipped.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#skipped[middle]?.to ?? n) < n) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #event(line: EventLine, leaf: string): void {
    const { event, personal } = line;
    this.#events += 1;
    this.#types.set(event.type, (this.#types.get(event.type) ?? 0) + 1);
    this.#first ??= event.position;
    this.#last = event.position;
    this.#tree.add(leafHash(leaf));
    const { personal: said } = event.data;
    if (said !== undefined && personal === undefined) this.#redacted += 1;
    if (personal === undefined) return;
    const found = canonicalJson(publicPersonal(personal));
    if (said !== undefined && canonicalJson(said) === found) return;
    this.#fault('personal_changed', `the personal part of line ${line.n} does not fit its hash`);
  }

  #end(manifest: Manifest): void {
    this.#manifest = manifest;
    const found = canonicalJson({
      events: this.#events,
      first: this.#first,
      last: this.#last,
      types: Object.fromEntries(this.#types),
      root: manifest.prev,
      tree: manifest.omitted > 0 && !this.#isArchive ? null : this.#treeNow(),
    });
    const { events, first, last, types, root, tree } = manifest;
    const said = canonicalJson({ events, first, last, types, root, tree });
    if (found !== said)
      this.#fault('manifest_wrong', `the manifest says ${said}, and the lines are ${found}`);
    this.#checkSignature(manifest);
  }

  get #isArchive(): boolean {
    return this.#header?.after !== undefined;
  }

  #treeNow(): NonNullable<Manifest['tree']> {
    return { size: this.#tree.size, root: Buffer.from(this.#tree.root()).toString('hex') };
  }

  #checkSignature({ signature, hash: signed }: Manifest): void {
    if (signature === undefined) {
      if (this.#key !== undefined) this.#fault('signature_wrong', 'the export is not signed');
      return;
    }
    const own = keyIn(signature.publicKey);
    const key = this.#key ?? own;
    const value = Buffer.from(signature.value, 'base64');
    // Decoders skip what they do not know, so text after the signature or the key would not be seen.
    const isExact = value.toString('base64') === signature.value && isExactKey(own, signature);
    const isValid = key !== undefined && isExact && verify(null, Buffer.from(signed), key, value);
    this.#signature = isValid ? 'valid' : 'invalid';
    this.#signedBy = isValid ? fingerprintOf(key) : null;
    if (!isValid) this.#fault('signature_wrong', 'the manifest was not signed with this key');
  }

  #fault(code: ExportFaultCode, detail: string): void {
    this.#faultCount += 1;
    if (this.#faults.length < MAX_FAULTS) this.#faults.push({ code, line: this.#at, detail });
  }
}

/** The text that a line must have, what its hash is, and the entry of an event's leaf. */
function textsOf(
  { line, json }: ReadLine,
  keepsOrder: boolean,
): {
  readonly text: string;
  readonly hash: string;
  readonly leaf: string;
} {
  if (line.kind !== 'event') return { text: canonicalJson(json), hash: hashOf(json), leaf: '' };
  const { event, personal } = line;
  const { leaf, positioned } = leafTexts(event, event.position);
  return {
    text: eventLineText(positioned, line, { hash: line.hash, personal, keepsOrder }),
    hash: hash('sha256', eventLineText(positioned, line)),
    leaf,
  };
}

function isExactKey(
  key: KeyObject | undefined,
  { publicKey }: NonNullable<Manifest['signature']>,
): boolean {
  return key?.export({ type: 'spki', format: 'pem' }).toString() === publicKey;
}

function publicKeyOf(pem: string): KeyObject {
  const key = keyIn(pem);
  if (key !== undefined) return key;
  throw new TocsinError('usage', 'invalid_key', 'the key is not a public Ed25519 key', {
    hint: 'Take it from the private one with: openssl pkey -in key.pem -pubout',
  });
}

function keyIn(pem: string): KeyObject | undefined {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    // Not a key: the caller decides what that means.
    return undefined;
  }
}

function fingerprintOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}
