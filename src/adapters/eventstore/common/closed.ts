// The error of every call on a closed store.
import { TocsinError } from '../../../domain/core/errors.ts';

export function storeClosed(): TocsinError {
  return new TocsinError('usage', 'store_closed', 'the event store is closed', {
    hint: 'End subscriptions and wait for appends before closing the store, or open it again.',
  });
}
