// The modes of `tocsin start`, and the options of all modes.

export const MODES = ['all', 'api', 'worker', 'projector'] as const;

export type StartOptions = {
  readonly mode: (typeof MODES)[number];
  readonly once?: true;
  readonly standby?: true;
  readonly allowRemote?: true;
};
