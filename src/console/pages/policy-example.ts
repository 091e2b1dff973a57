// The requests of the drawings that explain the kinds of policies. The numbers are places in the drawing.

type Drawn = {
  readonly bands: readonly (readonly [start: number, end: number])[];
  readonly marks: readonly { readonly at: number; readonly isSent: boolean }[];
};

const REQUESTS = [40, 70, 95, 120, 190, 215, 270];
const WINDOW = 80;

/** The same requests under each kind: windows of 80, at most 2 within 80, gaps of 40 and at most 160. */
const SENT: Readonly<Record<string, readonly number[]>> = {
  tumbling: [40, 95, 190, 270],
  anchored: [40, 120, 215],
  rolling: [40, 70, 190, 215],
  session: [40, 190, 270],
  none: REQUESTS,
};

const BANDS: Readonly<Record<string, Drawn['bands']>> = {
  tumbling: [
    [1, WINDOW - 1],
    [WINDOW + 1, 2 * WINDOW - 1],
    [2 * WINDOW + 1, 3 * WINDOW - 1],
    [3 * WINDOW + 1, 299],
  ],
  anchored: [
    [40, 119],
    [120, 199],
    [215, 294],
  ],
  rolling: [[40, 120]],
  session: [
    [40, 160],
    [190, 255],
    [270, 299],
  ],
};

export function exampleOf(kind: string): Drawn {
  const sent = SENT[kind] ?? [];
  return {
    bands: BANDS[kind] ?? [],
    marks: REQUESTS.map((at) => ({ at, isSent: sent.includes(at) })),
  };
}
