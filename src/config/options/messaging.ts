import { defineOptions, integer, list, multi, string } from '../option.ts';

/** `[oslo_messaging_notifications]`: what others are told about volumes. */
export const notificationOptions = defineOptions('oslo_messaging_notifications', {
  driver: multi('driver', {
    formerly: [{ group: 'DEFAULT', name: 'notification_driver' }],
    help: 'How notifications are sent: messagingv2, messaging, log or noop. May be given several times; never given: none are sent.',
  }),
  transportUrl: string('transport_url', null, {
    secret: true,
    formerly: [{ group: 'DEFAULT', name: 'notification_transport_url' }],
    help: 'The message queue for notifications. Unset: the one for RPC.',
  }),
  topics: list('topics', ['notifications'], {
    formerly: [
      { group: 'DEFAULT', name: 'notification_topics' },
      { group: 'rpc_notifier2', name: 'topics' },
    ],
    help: 'The topics to send notifications to.',
  }),
  retry: integer('retry', -1, {
    min: -1,
    help: 'How often sending a notification is tried again; -1 tries for ever, 0 not at all.',
  }),
});
