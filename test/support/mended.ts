import { expect } from 'vitest';

/** `check` passes for our rule and fails for the planted rule, so it does check the rule. */
export async function mended<R>(
  check: (rule: R) => void | Promise<void>,
  rules: { readonly ours: R; readonly planted: R },
): Promise<void> {
  await check(rules.ours);
  const planted = async (): Promise<void> => check(rules.planted);
  await expect(planted()).rejects.toThrow(/expected/);
}
