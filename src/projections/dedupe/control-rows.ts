// What is remembered of a control event: enough to see later that it is still the same.
import { hash } from 'node:crypto';
import { canonicalJson, type Json } from '../../domain/core/json.ts';
import type { RecordedEvent, Unreadable } from '../../domain/core/recorded-event.ts';
import type { ControlRow } from '../read-model.ts';
import { isUnreadable } from '../unreadable.ts';

/** The row of a control event. */
export function controlRow(recorded: RecordedEvent): ControlRow {
  const { id: event, position, revision, type, data, metadata } = recorded;
  const content = canonicalJson([type, asJson(data), asJson(metadata)]);
  return { event, position, revision, type, digest: hash('sha256', content) };
}

function asJson(value: Json | Unreadable): Json {
  return isUnreadable(value) ? Buffer.from(value.unreadable).toString('base64') : value;
}
