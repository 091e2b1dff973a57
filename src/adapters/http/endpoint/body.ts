// Reads a request's body as JSON. It buffers at most the limit and refuses values that the store cannot hold.
import { jsonFault, parseJson } from '../../../domain/core/json.ts';
import { repeatedKey } from '../../../domain/core/repeated-key.ts';
import type { Result } from '../../../domain/core/result.ts';
import { err, ok } from '../../../domain/core/result.ts';
import { printable } from '../../../domain/core/text.ts';
import type { Problem } from './problems.ts';

export const DEFAULT_BODY_BYTES = 32 * 1024;

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/** Reads the body; an empty body is `{}` if `optional`. */
export async function readBody(
  request: Request,
  { optional, maxBytes }: { readonly optional: boolean; readonly maxBytes: number },
): Promise<Result<unknown, Problem>> {
  const bytes = await bytesOf(request, maxBytes);
  if (bytes === 'too_large') {
    return err({ code: 'too_large', detail: `Send at most ${maxBytes} bytes.` });
  }
  if (bytes === 'broken') return invalid('The body is incomplete; send it again.');
  if (optional && bytes.length === 0) return ok({});
  const { headers } = request;
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (!JSON_TYPE.test(headers.get('content-type') ?? '') || encoding !== 'identity') {
    const detail = 'Send JSON, uncompressed, with the Content-Type application/json.';
    return err({ code: 'unsupported_media_type', detail });
  }
  return parse(bytes);
}

function parse(bytes: Uint8Array): Result<unknown, Problem> {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    value = parseJson(text);
  } catch {
    // The parser's message would quote the body.
    return invalid('Send JSON in UTF-8.');
  }
  const fault = jsonFault(value);
  if (fault !== undefined) return invalid(`The body ${fault}.`);
  const repeated = repeatedKey(text);
  return repeated === undefined
    ? ok(value)
    : invalid(`The body has the key ${printable(repeated)} twice; send it once.`);
}

/** The bytes of the body, unless there are more than `maxBytes`. */
export async function bytesOf(
  request: Request,
  maxBytes: number,
): Promise<Uint8Array | 'too_large' | 'broken'> {
  const announced = Number(request.headers.get('content-length') ?? 0);
  if (announced > maxBytes) return 'too_large';
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    const stream: AsyncIterable<Uint8Array> = request.body;
    for await (const chunk of stream) {
      size += chunk.byteLength;
      if (size > maxBytes) return 'too_large';
      chunks.push(chunk);
    }
  } catch {
    // The client closed the connection.
    return 'broken';
  }
  return Buffer.concat(chunks);
}

function invalid(detail: string): Result<never, Problem> {
  return err({ code: 'invalid_json', detail });
}
