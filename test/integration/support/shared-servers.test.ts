import { describe, expect, it } from 'vitest';
import {
  sharedMariadbDatabase,
  sharedPostgres,
  sharedRabbit,
  sharedRedis,
  sharedZookeeper,
} from '../../support/shared-servers.ts';

describe('the common servers', () => {
  it('give everyone a part of their own', async () => {
    const ask = [sharedPostgres, sharedMariadbDatabase, sharedRabbit, sharedRedis, sharedZookeeper] as const;
    const parts = await Promise.all([...ask, ...ask].map((share) => share()));
    expect(new Set(parts.map((part) => JSON.stringify(part))).size).toBe(10);
  }, 120_000);
});
