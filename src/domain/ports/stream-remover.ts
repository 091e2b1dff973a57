// The port to the process that owns a store's file: what an archive asks of it.

/** A stream as its reader has seen it: its name and its last revision. */
export type StreamEnd = { readonly stream: string; readonly last: bigint };

/** How much of a file is free, in bytes, and how many it has. */
export type FileSpace = { readonly free: number; readonly size: number };

/** Removes streams whose events an archive holds. */
export interface StreamRemover {
  /**
   * Removes the streams of each group, all of a group or none. A group stays where one of its streams has other events
   * than the caller has seen. A removed stream cannot be written again.
   *
   * @returns for each group whether it is removed
   * @throws TocsinError `unavailable` when it is unknown; a repeat is safe
   */
  removeStreams(groups: readonly (readonly StreamEnd[])[]): Promise<readonly boolean[]>;
  /**
   * Gives some of the freed space back to the disk, in a step that takes a fraction of a second.
   * @returns the space afterwards; `undefined` when the file keeps its space for later events
   */
  shrink(): Promise<FileSpace | undefined>;
}
