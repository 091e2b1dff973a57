// `audit export --redact`: removes personal parts from an export. The chain of hashes stays valid.
import { TocsinError } from '../../../domain/core/errors.ts';
import { canonicalJson } from '../../../domain/core/json.ts';
import { lineOf, type EventLine } from './format.ts';

/**
 * The same export without the personal parts of one user, or of all users.
 * @throws TocsinError `usage` for lines that are not an export
 */
export async function* redactExport(
  lines: AsyncIterable<string>,
  options: { readonly user?: string | undefined } = {},
): AsyncGenerator<string, void, undefined> {
  for await (const text of lines) {
    const read = lineOf(text);
    if (read === undefined) {
      throw new TocsinError('usage', 'not_an_export', 'the file is not an export of Tocsin', {
        hint: 'Make one with: tocsin audit export --out FILE',
      });
    }
    const { line, json } = read;
    const { personal: _, ...rest } = json;
    yield line.kind === 'event' && isAbout(line, options.user) ? canonicalJson(rest) : text;
  }
}

function isAbout({ event }: EventLine, user: string | undefined): boolean {
  if (user === undefined) return true;
  const { data } = event;
  if (typeof data !== 'object' || !('userId' in data)) return false;
  const { userId } = data;
  return userId === user || (typeof userId === 'number' && String(userId) === user);
}
