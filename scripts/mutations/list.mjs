// The rules that everything rests on, each with a way to break it, and the tests that have to notice.
// A rule that changes its place in the code takes its entry along; test/house/mutations.test.ts says so.

/**
 * @typedef {object} Mutation
 * @property {string} rule what is broken, in words
 * @property {string} file
 * @property {string} find text that occurs once in the file
 * @property {string} replace
 * @property {readonly string[]} tests files of which at least one test has to fail
 */

/** @type {readonly Mutation[]} */
export const mutations = [
  {
    rule: 'the fence: a message is published at exactly its sequence',
    file: 'src/adapters/nats/output.ts',
    find: '\\r\\nNats-Expected-Last-Sequence: `;',
    replace: '\\r\\nNats-Expected-Last-Seq: `;',
    tests: ['test/contracts/output.nats.test.ts'],
  },
  {
    rule: 'the commit order: nothing is committed before its messages are acknowledged',
    file: 'src/projections/publisher/checkpointer.ts',
    find: 'events: length, lastEventAt, sent: undefined };',
    replace:
      'events: length, lastEventAt, sent: [] };\n    queueMicrotask(() => { this.#commitSoon(); });',
    tests: ['test/projections/crash.test.ts', 'test/harness/failpoints.test.ts'],
  },
  {
    rule: 'the commit order: only a prefix is committed',
    file: 'src/projections/publisher/checkpointer.ts',
    find: 'const count = this.#queue.findIndex(({ sent }) => sent === undefined);',
    replace:
      'const last_ = this.#queue.findLastIndex(({ sent }) => sent !== undefined);\n    const count = last_ + 1;',
    tests: ['test/projections/checkpointer.test.ts'],
  },
  {
    rule: 'the resume rule: what the server lost is sent again',
    file: 'src/projections/publisher/resume.ts',
    find: 'resent = await resend(context, session, info.stream, lastSequence, committed, signal);',
    replace: 'resent = 0;',
    tests: ['test/properties/crashes.test.ts'],
  },
  {
    rule: 'the resume rule: what is stored already is folded, not sent again',
    file: 'src/projections/publisher/publisher.ts',
    find: 'this.#end = this.#handed = this.#endAtStart = end;',
    replace: 'this.#end = this.#handed = (this.#endAtStart = end) - 1n;',
    tests: ['test/projections/crash.test.ts'],
  },
  {
    rule: 'the epoch check: an ack counts only for what this epoch has sent',
    file: 'src/adapters/nats/pipeline.ts',
    find: 'if (sequence > this.#sent || !Number.isSafeInteger(sequence)) {',
    replace: 'if (!Number.isSafeInteger(sequence)) {',
    tests: ['test/adapters/nats-pipeline.test.ts'],
  },
  {
    rule: 'the epoch check: an answer counts only with exactly its sequence',
    file: 'src/adapters/nats/output.ts',
    find: 'if (body === `${ackStart}${token}}`)',
    replace: 'if (body.startsWith(ackStart))',
    tests: ['test/adapters/nats-hostile.test.ts'],
  },
  {
    rule: 'the dedupe boundary: an instant on it belongs to the window that begins there',
    file: 'src/domain/core/windows.ts',
    find: 'Math.floor((instant - phaseMs) / sizeMs)',
    replace: 'Math.floor((instant - phaseMs - 1) / sizeMs)',
    tests: ['test/domain/vectors.test.ts', 'test/properties/raising.test.ts'],
  },
  {
    rule: 'the idempotency claim: another request is refused its key',
    file: 'src/kernel/raise/idempotency-key.ts',
    find: 'if (!(await isRequestOf(context, claim, command.request, input, call))) {',
    replace: "if (claim.requestHash === '') {",
    tests: ['test/kernel/idempotency.test.ts'],
  },
  {
    rule: 'the idempotency claim: a repeat is the occurrence that the claim names',
    file: 'src/kernel/raise/idempotency-key.ts',
    find: 'claimed: claim.occurrence };\n  // A repeat',
    replace: 'claimed: undefined };\n  // A repeat',
    tests: ['test/kernel/idempotency.test.ts'],
  },
  {
    rule: 'the release rule: a death in the page of its own request considers as many notifications as any other',
    file: 'src/projections/dedupe/prior.ts',
    find: '(subject) => subjectText(subject) === text,',
    replace: '() => false,',
    tests: ['test/properties/policies.test.ts'],
  },
  {
    rule: 'the start check: no event lies unseen between the last folded event and the checkpoint',
    file: 'src/projections/publisher/log-intake.ts',
    find: 'await untilAborted(this.#verify(this.#start), signal);',
    replace: 'signal.throwIfAborted();',
    tests: ['test/projections/restored-behind.test.ts'],
  },
  {
    rule: 'the follower’s lag: the end of the log is that of the leader',
    file: 'src/projections/publisher/epoch.ts',
    find: 'prefixes, onLeader: true } as const;',
    replace: 'prefixes } as const;',
    tests: ['test/projections/lagging-follower.test.ts'],
  },
];
