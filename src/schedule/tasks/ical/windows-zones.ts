// Zones as Outlook and Exchange name them, by their IANA zone in the Unicode CLDR for the world ("001").
import { WINDOWS_TO_IANA_MAP } from 'windows-iana';

const zones = new Map(
  WINDOWS_TO_IANA_MAP.filter(({ territory }) => territory === '001').map(
    ({ windowsName, iana }) => [windowsName.toLowerCase(), iana[0]] as const,
  ),
);

/** The IANA zone of a Windows name, in any case. */
export function windowsZone(name: string): string | undefined {
  return zones.get(name.toLowerCase());
}
