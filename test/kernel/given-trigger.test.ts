// given/when/then of `tocsin/testing` for a product of the embedder's own.
import { AssertionError } from 'node:assert';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTrigger, notify, offer } from '../../src/index.ts';
import { given, raise, raised } from '../../src/testing.ts';

const invoiceOverdue = defineTrigger({
  type: 'invoice_overdue',
  targets: ['invoice'],
  payload: z.object({ amount: z.coerce.number() }),
  channel: 'email',
  evaluate: ({ payload }) => notify({ summary: `${payload.amount.toFixed(2)} EUR are overdue.` }),
});

const input = { userId: 'ada', targetId: 'INV-1', payload: { amount: '12' } };

describe('given, raised, when, raise', () => {
  it('tell a duplicate from a new trigger', () => {
    given(raised(invoiceOverdue, input)).when(raise(invoiceOverdue, input)).thenDuplicate();
    // The next window is another scope.
    const later = { now: '2026-01-01T00:30:00Z' };
    given(raised(invoiceOverdue, input))
      .when(raise(invoiceOverdue, input, later))
      .thenMatches(
        { type: 'TriggerRaised' },
        { type: 'PreviewOffered' },
        { type: 'NotificationRequested' },
      );
    expect(() => {
      given().when(raise(invoiceOverdue, input)).thenDuplicate();
    }).toThrow(AssertionError);
  });

  it('apply the schema of the payload and the evaluator of the definition', () => {
    const request = { channel: 'email', personal: { summary: '12.00 EUR are overdue.' } };
    given()
      .when(raise(invoiceOverdue, input))
      .thenMatches(
        { type: 'TriggerRaised', data: { userId: 'ada', targetType: 'invoice' } },
        { type: 'PreviewOffered' },
        { type: 'NotificationRequested', data: request },
      );
    given()
      .when(raise(invoiceOverdue, { ...input, payload: { amount: 'much' } }))
      .thenRejected('payload_invalid');
  });

  it('take an evaluator of the test for a type without one', () => {
    const plain = defineTrigger({ type: 'plain', channel: 'email' });
    const evaluate = () => offer({ kind: 'question', summary: 'Really?' });
    given()
      .when(raise(plain, { userId: 1, targetType: 'x', targetId: 1 }, { evaluate }))
      .thenMatches(
        { type: 'TriggerRaised' },
        { type: 'PreviewOffered', data: { kind: 'question' } },
        { type: 'NotificationRequested' },
      );
  });

  it('fail for another field, another number of events and a rejected raise of the history', () => {
    const sentences = [
      () => {
        given().when(raise(invoiceOverdue, input)).thenMatches({ type: 'TriggerRaised' });
      },
      () => {
        given()
          .when(raise(invoiceOverdue, input))
          .thenMatches(
            { type: 'TriggerRaised' },
            { type: 'PreviewOffered', data: { kind: 'question' } },
            { type: 'NotificationRequested' },
          );
      },
    ];
    for (const sentence of sentences) expect(sentence).toThrow(AssertionError);
    const wrong = raised(invoiceOverdue, { ...input, userId: 'a b' });
    expect(() => given(wrong).when(raise(invoiceOverdue, input))).toThrow(/history/);
  });
});
