// Checks that docs/policies.md describes the reason codes of the code, and that the metrics report them.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { daemonTelemetry } from '../../src/adapters/telemetry/daemon-telemetry.ts';
import { REASONS } from '../../src/domain/policy/reasons.ts';
import { idleStatus } from '../adapters/status.support.ts';

const document = readFileSync(new URL('../../docs/policies.md', import.meta.url), 'utf8');

describe('the reason codes', () => {
  it('are in docs/policies.md, each with its verdict and its meaning, and no others', () => {
    const described = [
      ...document.matchAll(/^\| `(published|suppressed|parked)` +\| `(\w+)` +\| (.+?) +\|$/gm),
    ];
    const listed = Object.entries(REASONS).flatMap(([verdict, reasons]) =>
      Object.entries(reasons).map(([reason, meaning]) => [verdict, reason, meaning]),
    );
    expect(described.map(([, ...parts]) => parts)).toEqual(listed);
  });

  it('are all in the metrics, those that never happened as 0', async () => {
    const metrics = daemonTelemetry('tocsin-test');
    metrics.observe({ projector: () => ({ ...idleStatus, reasons: { stale: 3 } }) });
    const text = await metrics.collect();
    await metrics.close();
    const counted = [
      ...text.matchAll(/^tocsin_notifications_withheld\{[^}]*reason="(\w+)"[^}]*\} (\d+)/gm),
    ];
    const counts = new Map(counted.map(([, reason, count]) => [reason, Number(count)]));
    const withheld = [...Object.keys(REASONS.suppressed), ...Object.keys(REASONS.parked)];
    expect([...counts.keys()].sort()).toEqual(withheld.sort());
    expect(counts.get('stale')).toBe(3);
    expect(counts.get('within_window')).toBe(0);
  });
});
