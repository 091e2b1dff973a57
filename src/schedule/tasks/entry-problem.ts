// Problems with entries of a file. The other entries of the file are read.

export type EntryProblem = {
  readonly file: string;
  /** The first line of the entry or property, from 1. */
  readonly line: number;
  /** `VTODO`, `VEVENT`, `VTIMEZONE`, `VCALENDAR`, or `line`. */
  readonly component: string;
  /** The entry's UID, where it could be read. */
  readonly id?: string | undefined;
  /** Stable, in snake_case. */
  readonly code: string;
  /** Completes "the entry …". */
  readonly message: string;
};

/** Thrown and caught inside a reader: the entry cannot be read. */
export class EntryError extends Error {
  override readonly name = 'EntryError';
  readonly code: string;
  readonly line: number | undefined;

  constructor(code: string, message: string, line?: number) {
    super(message);
    this.code = code;
    this.line = line;
  }
}
