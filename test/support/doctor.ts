// Runs `tocsin doctor`, and gives its checks by their names.
import { z } from 'zod';
import type { Cli, CliOptions } from './cli.ts';

const CheckSchema = z.strictObject({
  name: z.string(),
  status: z.enum(['ok', 'warning', 'failed']),
  detail: z.string(),
  code: z.string().optional(),
  hint: z.string().optional(),
});
const Checks = z.strictObject({ role: z.string().optional(), checks: z.array(CheckSchema) });

export type DoctorCheck = z.infer<typeof CheckSchema>;

export type Diagnosis = {
  readonly code: number | null;
  readonly checks: Readonly<Record<string, DoctorCheck>>;
};

/** In this process; run only one at a time. */
export async function diagnose(
  cli: Cli,
  args: readonly string[] = [],
  env: CliOptions['env'] = {},
): Promise<Diagnosis> {
  const { code, document } = await cli.call(['doctor', ...args], { env });
  return { code, checks: checksIn(document) };
}

export function checksIn(document: unknown): Diagnosis['checks'] {
  const { checks } = Checks.parse(document);
  return Object.fromEntries(checks.map((check) => [check.name, check]));
}
