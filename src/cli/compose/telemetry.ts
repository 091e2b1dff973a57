// The telemetry of a daemon, as its settings have it. The SDK takes a while to load, and only daemons need it.
import type { DaemonTelemetry } from '../../adapters/telemetry/daemon-telemetry.ts';
import type { Config } from '../config/config.ts';

/** Opens it. Dispose it after the parts that report to it: the rest then goes to the collector. */
export async function openTelemetry(
  { otlp }: Config,
  service: string,
): Promise<DaemonTelemetry & AsyncDisposable> {
  const { daemonTelemetry } = await import('../../adapters/telemetry/daemon-telemetry.ts');
  const opened = daemonTelemetry(process.env['OTEL_SERVICE_NAME'] ?? service, otlp);
  return { ...opened, [Symbol.asyncDispose]: opened.close };
}
