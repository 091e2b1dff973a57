// Each rule of `npm run mutations` is still where its mutation looks for it, and its tests are there.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { mutations } from '../../scripts/mutations/list.mjs';
import { mutated } from '../../scripts/mutations/mutate.mjs';

test.each(mutations.map((mutation) => [mutation.rule, mutation] as const))(
  '%s',
  (_rule, mutation) => {
    const text = readFileSync(mutation.file, 'utf8');
    expect(mutated(text, mutation)).not.toBe(text);
    expect(mutation.tests.filter((file) => !existsSync(file))).toEqual([]);
  },
);
