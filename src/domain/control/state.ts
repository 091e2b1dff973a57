// The state of the control stream.
import { match } from 'ts-pattern';
import { comparePositions, START_POSITION, type Position } from '../core/positions.ts';
import type { PolicyEvent } from '../policy/in-force.ts';
import type { ControlEvent, ControlEventData } from './events.ts';

/** A generation of the output: the id of its `OutputOpened`, and the position after which it sends. */
export type OutputGeneration = ControlEventData<'OutputOpened'> & {
  readonly id: string;
  readonly after: Position;
};

export type ControlState = {
  readonly storeId: string | undefined;
  /** Every ruleset that was ever activated. */
  readonly rulesets: readonly number[];
  readonly output: OutputGeneration | undefined;
  /** Every change of a policy or a mute, in order. */
  readonly policyChanges: readonly PolicyChange[];
  /** Event ids of the requests that an operator released, and of the events that an operator retried. */
  readonly released: readonly string[];
  readonly retried: readonly string[];
  /** The files that events were moved to, in the order of the log. */
  readonly archives: readonly ArchiveRecord[];
};

/** A file with all events of the log after the file before it and up to a position. */
export type ArchiveRecord = ControlEventData<'LogArchived'>;

export type PolicyChange = { readonly event: PolicyEvent; readonly position: Position };

export const initialControl: ControlState = {
  storeId: undefined,
  rulesets: [],
  output: undefined,
  policyChanges: [],
  released: [],
  retried: [],
  archives: [],
};

/** Total; `at` is the event's id and position. */
export function evolveControl(
  state: ControlState,
  event: ControlEvent,
  at: { readonly id: string; readonly position: Position },
): ControlState {
  return match(event)
    .with({ type: 'StoreInitialised' }, ({ data }) => ({
      ...state,
      storeId: state.storeId ?? data.storeId,
    }))
    .with({ type: 'RulesetActivated' }, ({ data }) => ({
      ...state,
      rulesets: [...state.rulesets, data.ruleset],
    }))
    .with({ type: 'OutputOpened' }, ({ data }) => ({
      ...state,
      output: { ...data, id: at.id, after: publishesAfter(data, at.position) },
    }))
    .with({ type: 'ParkResolved' }, ({ data }) =>
      data.action === 'retry' ? { ...state, retried: [...state.retried, data.event] } : state,
    )
    .with({ type: 'RequestReleased' }, ({ data }) => ({
      ...state,
      released: [...state.released, data.event],
    }))
    .with(
      { type: 'NotificationPolicySet' },
      { type: 'NotificationsMuted' },
      { type: 'NotificationsUnmuted' },
      (change) => ({
        ...state,
        policyChanges: [...state.policyChanges, { event: change, position: at.position }],
      }),
    )
    .with({ type: 'LogArchived' }, ({ data }) => ({
      ...state,
      archives: [...state.archives, data],
    }))
    .exhaustive();
}

/** Events up to this position may be missing in the log; `undefined` in a log without archives. */
export function archivedUpTo({ archives }: Pick<ControlState, 'archives'>): Position | undefined {
  return archives.at(-1)?.upTo;
}

function publishesAfter(data: ControlEventData<'OutputOpened'>, here: Position): Position {
  if (data.publishFrom === 'start') return START_POSITION;
  if (data.publishFrom === 'here') return here;
  // A resend never starts after its own decision.
  return comparePositions(data.publishFrom, here) < 0 ? data.publishFrom : here;
}
