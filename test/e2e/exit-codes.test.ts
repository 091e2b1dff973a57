// The exit code of an error. A missing right to append is an outage to a daemon, which tries again, and a wrong
// configuration to a command.
import { expect, test, vi } from 'vitest';
import { reportFailure } from '../../src/cli/terminal/terminal.ts';
import { TocsinError, type ErrorKind } from '../../src/domain/core/errors.ts';

test.each([
  ['usage', 'invalid_store', 2],
  ['unavailable', 'store_unavailable', 3],
  ['unavailable', 'access_denied', 2],
  ['refused', 'log_shorter', 4],
  ['internal', 'internal_error', 5],
] as const)('%s with %s is exit %i', (kind: ErrorKind, code, exit) => {
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    expect(reportFailure(new TocsinError(kind, code, 'what', { hint: 'how' }), true)).toBe(exit);
    expect(written).toHaveBeenCalledOnce();
  } finally {
    written.mockRestore();
  }
});
