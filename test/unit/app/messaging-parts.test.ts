import { describe, expect, it } from 'vitest';
import { createMessaging } from '../../../src/app/messaging-parts.ts';
import { resolveConfig } from '../../../src/config/load.ts';
import { noTally } from '../../../src/kernel/tally.ts';
import { silentLogger } from '../../../src/log/logger.ts';

/** Nobody listens there. */
const nowhere = 'rabbit://guest:guest@127.0.0.1:1/';

describe('the connections to brokers', () => {
  it('start though the broker of notifications is away: they stay in the outbox until it is there', async () => {
    const text = `[DEFAULT]
      transport_url = rabbit://
      [oslo_messaging_notifications]
      driver = messagingv2
      transport_url = ${nowhere}`.replaceAll(/^ +/gm, '');
    const facts = { hostname: 'h', address: '127.0.0.1' };
    const { settings } = resolveConfig({ texts: [{ file: 'cinder.conf', text }], environment: {}, flags: [], facts });
    const { transports } = createMessaging(settings, noTally, silentLogger);
    expect(transports).toHaveLength(2);
    const [, ofNotifications] = transports;
    await ofNotifications?.start(AbortSignal.timeout(5_000));
    expect(ofNotifications?.health().ok).toBe(false);
    await ofNotifications?.stop({ force: AbortSignal.timeout(5_000) });
  });
});
