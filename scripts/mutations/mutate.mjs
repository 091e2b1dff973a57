// Breaking a rule in a source's text.

/**
 * @param {string} text
 * @param {Pick<import('./list.mjs').Mutation, 'find' | 'replace' | 'rule'>} mutation
 * @returns {string} the text with the rule broken
 * @throws when the place is not there, or not the only one
 */
export function mutated(text, { find, replace, rule }) {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`${parts.length - 1} places, not one, for: ${rule}`);
  return parts.join(replace);
}
