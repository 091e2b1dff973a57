// What is wrong with one entry of a file: enough to find it. The entries around it are read.

export type EntryProblem = {
  readonly file: string;
  /** Where the entry, or the line in question, begins; from 1. */
  readonly line: number;
  /** `VTODO`, `VEVENT`, `VTIMEZONE`, `VCALENDAR`, or `line`. */
  readonly component: string;
  /** The entry's own id, where it could be read. */
  readonly id?: string | undefined;
  /** Stable, for programs. */
  readonly code: string;
  /** Completes "the entry …". */
  readonly message: string;
};

/** Thrown inside a reader to give up one entry; never leaves it. */
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
