import { boolean, choice, defineOptions, fractionalSeconds, integer, string } from '../option.ts';

/** `[cinder_volume_aa]`: what upstream's service has no option for. Durations are seconds in the file. */
export const activeActiveOptions = defineOptions('cinder_volume_aa', {
  journalSchema: string('journal_schema', null, {
    check: (text) => (/^[a-z_][a-z0-9_]{0,62}$/.test(text) ? undefined : 'must be a lower-case SQL name'),
    help: "Database schema of our own tables (aa_*). Unset: beside Cinder's.",
  }),
  incarnationHeartbeatMs: fractionalSeconds('incarnation_heartbeat', 1, {
    min: 0.1,
    help: 'Seconds between two heartbeats of this process in aa_incarnation.',
  }),
  presumedDeadAfterMs: fractionalSeconds('presumed_dead_after', 4, {
    min: 0.5,
    help: 'Seconds without such a heartbeat after which another replica takes a process for dead and its work over. Wrong presumptions do no harm: the locks come first.',
  }),
  lockWaitWarningMs: fractionalSeconds('lock_wait_warning', 60, {
    min: 0,
    help: 'Seconds of waiting for a lock after which a warning is logged; 0 never.',
  }),
  callLane: integer('call_lane', 16, {
    min: 1,
    help: 'How many calls (attach, detach, status) one backend works on beside its casts, so that slow creates never hold them up.',
  }),
  shareTimeoutMs: fractionalSeconds('share_timeout', 60, {
    min: 1,
    help: 'Seconds after which a share that has not answered a system call counts as hung: the helper process that waits for it is killed and replaced. Copies and conversions have limits of their own.',
  }),
  reconcileIntervalMs: fractionalSeconds('reconcile_interval', 60, {
    min: 1,
    help: 'Seconds between two looks for requests that nobody carries: that the message queue has lost, or that an answer of the database was to tell of.',
  }),
  keepCopies: boolean('keep_copies', true, {
    help: "Where [oslo_messaging_rabbit] makes transient queues, keep copies of what comes to them in one durable queue for each backend (its name ends in .aa_copies), for 30 minutes and up to 64 MiB. A volume whose creation the broker has forgotten is made all the same if there is a copy. The copies are on disk in the broker, with the requests' tokens.",
  }),
  logFormat: choice('log_format', 'oslo', ['oslo', 'json'], {
    help: 'oslo: the text lines of oslo.log. json: one object for each line; as use_json.',
  }),
});
