// The error of a call: the status with which the server ended the call, or the reason why there is no status.

/** gRPC status codes that the adapter reads or gives. */
export const STATUS = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export class CallError extends Error {
  override readonly name = 'CallError';
  readonly code: number;
  /** The trailing metadata; the server names the kind of an error under `exception`. */
  readonly trailers: Readonly<Record<string, string>>;

  constructor(
    code: number,
    message: string,
    { trailers = {}, cause }: { trailers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.trailers = trailers;
  }
}
