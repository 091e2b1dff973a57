// A text of a page's address.
import { z } from 'zod';

/** What an address has; a value that is none of the form's choices is left out. */
export const QueryText = z
  .string()
  .trim()
  .max(256)
  .transform((text) => text || undefined)
  .optional()
  .catch(undefined);
