// What a token may do. Reading and doing are told apart, and what concerns everybody from what concerns
// one user.

/** Everything that a token can be allowed. */
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
] as const;

export type Scope = (typeof SCOPES)[number];

/** What concerns everybody: never for a token that is bound to a user. */
export const SERVICE_SCOPES: readonly Scope[] = ['policy:read', 'policy:write'];

/** The scopes that a user's token may have. */
export const USER_SCOPES: readonly Scope[] = SCOPES.filter(
  (scope) => !SERVICE_SCOPES.includes(scope),
);
