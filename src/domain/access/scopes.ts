// The scopes of tokens: what a token may read and do, for one user or for all users.

/** All scopes. */
export const SCOPES = [
  'trigger:raise',
  'trigger:read',
  'preview:read',
  'preview:write',
  'channel:read',
  'channel:write',
  'delivery:read',
  'delivery:redrive',
  'policy:read',
  'policy:write',
  'console:read',
  'console:act',
] as const;

export type Scope = (typeof SCOPES)[number];

/** Scopes that affect all users; a token that is bound to a user never has them. */
export const SERVICE_SCOPES: readonly Scope[] = [
  'policy:read',
  'policy:write',
  'console:read',
  'console:act',
];

export const USER_SCOPES: readonly Scope[] = SCOPES.filter(
  (scope) => !SERVICE_SCOPES.includes(scope),
);
