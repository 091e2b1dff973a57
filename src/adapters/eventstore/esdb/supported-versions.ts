// Which versions of a server Tocsin can rely on.

/** Why a version is not to be used. */
export type VersionFault = {
  /** True when Tocsin does not work with it; false when it may miss events. */
  readonly isFatal: boolean;
  readonly message: string;
  readonly hint: string;
};

const HINT =
  'Update the server to the latest EventStoreDB 23.10, to EventStoreDB 24.10.5 or newer, or to KurrentDB 25.0.1 or newer; ' +
  'docs/eventstoredb.md lists what was tried.';

/** @param version as the server names it, such as `24.10.5`; `undefined` where it cannot name one */
export function versionFault(version: string | undefined): VersionFault | undefined {
  if (version === undefined) {
    const message = 'the server does not name its version, so it is older than 23.10';
    return { isFatal: true, message, hint: HINT };
  }
  const [major, minor, patch] = numbersIn(version);
  if (major === undefined || minor === undefined) return undefined;
  if (major < 23 || (major === 23 && minor < 10)) {
    return { isFatal: true, message: `version ${version} is older than 23.10`, hint: HINT };
  }
  const firstSound = major === 24 && minor === 10 ? 5 : major === 25 && minor === 0 ? 1 : 0;
  if ((patch ?? 0) >= firstSound) return undefined;
  const message = `version ${version} can report a position beyond an event that it has not sent`;
  return { isFatal: false, message, hint: HINT };
}

function numbersIn(version: string): readonly number[] {
  return /^\d+(?:\.\d+)*/.exec(version)?.[0].split('.').map(Number) ?? [];
}
