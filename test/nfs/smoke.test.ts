import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { buildOnce } from '../support/shared-servers.ts';
import { Rig, type Client } from './support/rig.ts';

describe('two guests on one share', () => {
  let rig: Rig;
  let a: Client;
  let b: Client;
  beforeAll(async () => {
    rig = await Rig.start({ image: inject('guestImage'), dist: await buildOnce(), clients: ['a', 'b'] });
    [a, b] = rig.clients as [Client, Client];
  });
  afterAll(() => rig.stop());

  it('are NFSv4.1 clients with locks on the server, and hard mounts', async () => {
    for (const { guest } of [a, b]) {
      const mount = await guest.run(`grep ' ${rig.share} nfs4 ' /proc/mounts`);
      expect(mount).toMatch(/\bvers=4\.1\b/);
      expect(mount).toMatch(/\bhard\b/);
      expect(mount).toMatch(/\blocal_lock=none\b/);
    }
  });

  it('read what the other has written and closed', async () => {
    const file = `${rig.share}/letter`;
    for (const n of [1, 2, 3, 4]) {
      const [from, to] = n % 2 === 1 ? [a, b] : [b, a];
      await from.guest.run(`echo "letter ${n}" > ${file}`);
      await expect(to.guest.run(`cat ${file}`)).resolves.toBe(`letter ${n}\n`);
    }
  });
});
