import { describe, expect, it } from 'vitest';
import { engines, one } from './fixture.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('user messages on %s', (engine) => {
  const fixture = useFixture(engine, 'messages');

  it('are as the API shows them', async () => {
    await fixture.db.messages.create(
      {
        project_id: 'p',
        request_id: 'r',
        resource_type: 'VOLUME',
        resource_uuid: 'v',
        action_id: '008',
        detail_id: '001',
      },
      3600,
    );
    expect(
      one(
        await fixture.sql(
          fixture.engine === 'postgres'
            ? `select event_id, message_level, round(extract(epoch from expires_at - created_at)) as ttl from messages`
            : `select event_id, message_level, timestampdiff(second, created_at, expires_at) as ttl from messages`,
        ),
      ),
    ).toEqual({ event_id: 'VOLUME_VOLUME_008_001', message_level: 'ERROR', ttl: '3600' });
  });
});
