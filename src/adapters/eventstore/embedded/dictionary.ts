// What events have in common. Stored records refer to it by number, so a dictionary never changes: a better one gets
// another number, and test/adapters/embedded-record.test.ts holds the hash of this one.

const METADATA =
  '{"schemaVersion":1,"recordedAt":"2026-01-01T00:00:00.000Z","correlationId":"","causationId":"","commandId":"","traceparent":"00-","actor":"","mustUnderstand":true}';

const TEXTS = [
  '"tocsin.control","userId":"api:cli"projectorworkerhttp https://schedule:timeline',
  'StoreInitialisedRulesetActivatedNotificationPolicySetOutputOpenedParkResolvedLayoutSet',
  'DueJobScheduledDueJobCancelledDueJobFiredDueJobCompletedChannelConfiguredChannelDisabledSettingsChanged',
  'ApplyStartedApplySucceededApplyFailedPreviewEndedTriggerClosedTriggerRejectedTriggerEvaluationFailed',
  '{"retryAt":"2026-01-01T00:00:00.000Z","code":"","attempts":"reason":"","late":true,"suspect":true,"doubtful":false,"ending":"dismissedexpiredapplied',
  'DeliveryDeferredDeliverySkippedDeliveryDiedDeliveryExpiredDeliveryRedrivenAttemptOutcomeUnknownAttemptFailed',
  '{"notificationId":"","userId":"","channel":"feishu","mock":false,"attempt":1,"leaseUntil":"2026-01-01T00:00:00.000Z","channelVersion":1,"address":',
  'AttemptSucceeded{"personal":{"detail":"{"status":200,"durationMs":',
  'NotificationAccepted{"source":{"event":"","stream":"tocsin.trigger-","revision":"2"},"expiresAt":"",',
  '"feedbackId":"","jobId":"","scopeKey":"","severity":"highlownormal","mockNow":"","quiet":true,"candidates":[{"candidateId":"","kind":"","title":"","snapshot":{"tasks":[{"',
  'IdempotencyClaimed{"requestHash":"","triggerStream":"tocsin.trigger-","occurrence":1,"userId":"1","triggerType":"unfinished_feedback","targetType":"schedule_event","targetId":"","source":"worker_due_job","user_feedback","api_dry_run","api_trigger","idempotencyKey":"","traceId":"trace_active_trigger_","requestedAt":"2026-01-01T00:00:00.000Z","personal":{"salt":"","payload":{"',
  'TriggerRaised{"triggerId":"ast_","occurrence":1,"userId":"","triggerType":"important_urgent_task","targetType":"task_pool","targetId":"","source":"api_trigger","traceId":"trace_active_trigger_","requestedAt":"2026-01-01T00:00:00.000Z","personal":{"payload":{}},"dedupeKey":":important_urgent_task:task_pool:00:00Z","contract":"active_schedule.triggered"}',
  METADATA,
  'PreviewOffered{"triggerId":"ast__1","occurrence":1,"previewId":"asp__1","userId":"","kind":"reminder","offeredAt":"","expiresAt":"","personal":{"salt":"","summary":"An important and urgent task still needs a place in your schedule."}}',
  'NotificationRequested{"triggerId":"","previewId":"asp__1","userId":"","triggerType":"important_urgent_task","targetType":"task_pool","targetId":"","channel":"feishu","targetUrl":"/schedule-adjust/asp__1","traceId":"trace_active_trigger_","triggerRequestedAt":"","requestedAt":"","expiresAt":"","mock":false,"personal":{"summary":"","fallbackText":"An important and urgent task still needs a place in your schedule. Take a look: /schedule-adjust/asp_"}}',
];

/** The bytes of dictionary 1. */
export const DICTIONARY = Buffer.from(TEXTS.join(''), 'latin1');
