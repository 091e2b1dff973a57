// The modes of `tocsin start`, and the options of all modes.
import type { TocsinError } from '../../domain/core/errors.ts';
import { usageError } from '../config/usage-error.ts';

export const MODES = ['all', 'api', 'worker', 'projector'] as const;

export type StartOptions = {
  readonly mode: (typeof MODES)[number];
  readonly once?: true;
  readonly examples?: true;
  readonly standby?: true;
  readonly allowRemote?: true;
};

export function examplesNeedAll(): TocsinError {
  const hint = 'Leave the option out: the other modes raise nothing.';
  return usageError('examples_need_all', '--examples needs --mode all', hint);
}
