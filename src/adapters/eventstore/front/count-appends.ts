// Counts the appends of clients, by their outcome.
import type { Telemetry } from '../../../domain/ports/telemetry.ts';
import type { EmbeddedEngine } from '../embedded/open.ts';

export function countAppends(engine: EmbeddedEngine, telemetry: Telemetry): EmbeddedEngine {
  return {
    ...engine,
    async append(request, deadlineMs) {
      const result = await engine.append(request, deadlineMs);
      telemetry.count('tocsin.front.appends', { outcome: result.outcome });
      return result;
    },
  };
}
