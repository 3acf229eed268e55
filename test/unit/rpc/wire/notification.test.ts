import { describe, expect, it } from 'vitest';
import { buildBody, parseBody } from '../../../../src/rpc/wire/envelope.ts';
import { buildBareBody, buildNotification, parseNotification } from '../../../../src/rpc/wire/notification.ts';
import type { WireNotification } from '../../../../src/rpc/wire/notification.ts';

const notification: WireNotification = {
  messageId: 'f8b81eeb-4ada-4619-8177-6277fd62948e',
  publisherId: 'volume.h@b#p',
  eventType: 'volume.create.end',
  priority: 'INFO',
  payload: { volume_id: 'v' },
  timestamp: '2026-01-02 03:04:05.678000',
  uniqueId: 'u',
  context: { user_id: 'n' },
};

describe('notifications', () => {
  it('have the keys that oslo gives them', () => {
    expect(buildNotification(notification)).toStrictEqual({
      message_id: 'f8b81eeb-4ada-4619-8177-6277fd62948e',
      publisher_id: 'volume.h@b#p',
      event_type: 'volume.create.end',
      priority: 'INFO',
      payload: { volume_id: 'v' },
      timestamp: '2026-01-02 03:04:05.678000',
      _unique_id: 'u',
      _context_user_id: 'n',
    });
  });

  it.each([
    ['with an envelope', buildBody],
    ['without one', buildBareBody],
  ])('are read %s', (_how, build) => {
    expect(parseNotification(parseBody(build(buildNotification(notification))))).toStrictEqual(notification);
  });

  it('without an envelope are the payload itself', () => {
    expect(JSON.parse(buildBareBody({ event_type: 'e' }).toString())).toStrictEqual({ event_type: 'e' });
  });

  it('are refused without an event type', () => {
    expect(() => parseNotification({ ...buildNotification(notification), event_type: 1 })).toThrow(
      'event_type: is a number; send a non-empty string',
    );
  });
});
