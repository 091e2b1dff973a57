// Opens all parts of Tocsin in one process, on files of one folder. Each part can be replaced. The parts are loaded
// by the first call, so that importing the entry costs little.
import type { Tocsin, TocsinOptions } from './options.ts';

/**
 * Opens the kernel, the projection and the delivery of one process.
 *
 * @example
 * await using tocsin = await openTocsin({ folder: 'var', triggers: [invoiceOverdue], channels: { email } });
 * const running = tocsin.run(signal);
 * await tocsin.raise(invoiceOverdue, { userId: 42, targetId: 'INV-1', payload: { amount: 12 } });
 * @throws TocsinError `usage` for options that are out of range, `refused` for files of another process or log
 */
export async function openTocsin<Addresses>(options: TocsinOptions<Addresses>): Promise<Tocsin> {
  const { openParts } = await import('./open-parts.ts');
  return openParts(options);
}
