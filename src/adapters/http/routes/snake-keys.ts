// Results of the library as JSON of the API: the same values under snake_case keys.

/** Renames the keys of objects at every depth; keys that are data, such as reasons, have no capital letters. */
export function snakeKeys(value: object): object {
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) => [
      key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeValue(inner),
    ]),
  );
}

function snakeValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeValue);
  return typeof value === 'object' && value !== null ? snakeKeys(value) : value;
}
