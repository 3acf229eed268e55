import { describe, expect, it } from 'vitest';
import { elevated } from '../../../../src/domain/context.ts';
import { decodeContext, encodeContext, serviceContext, withoutCredentials } from '../../../../src/rpc/wire/context.ts';

const NOW = new Date('2026-01-02T03:04:05.678Z');

describe('decodeContext', () => {
  it('fills in what a sender may leave out', () => {
    const { request } = decodeContext({}, NOW);
    expect(request).toMatchObject({
      user_id: null,
      is_admin: false,
      roles: [],
      read_deleted: 'no',
      timestamp: '2026-01-02T03:04:05.678000',
    });
    expect(request.request_id).toMatch(/^req-[0-9a-f-]{36}$/);
  });

  it('lets the roles decide where is_admin is null, and gives an administrator the role', () => {
    expect(decodeContext({ is_admin: null, roles: ['admin'] }).request.is_admin).toBe(true);
    expect(decodeContext({ is_admin: null, roles: ['member'] }).request.is_admin).toBe(false);
    expect(decodeContext({ is_admin: false, roles: ['admin'] }).request.is_admin).toBe(false);
    expect(decodeContext({ is_admin: true, roles: ['member'] }).request.roles).toStrictEqual(['member', 'admin']);
  });

  it('takes the domains by either name', () => {
    const { request } = decodeContext({ user_domain: 'a', project_domain_id: 'b', project_domain: 'c' });
    expect(request).toMatchObject({ user_domain_id: 'a', project_domain_id: 'b' });
  });

  it('takes the action of user messages as cinder-backup sends it, and passes it on', () => {
    const action = ['013', 'create backup'];
    const { request, rest } = decodeContext({ message_action: action, message_resource_type: 'VOLUME_BACKUP' });
    expect(encodeContext(request, rest)).toMatchObject({ message_action: action });
    expect(decodeContext({ message_action: '013' }).request.message_action).toBe('013');
  });

  it.each([
    [{ message_action: ['013', 7] }, 'context.message_action: is an array; send a list of strings'],
    [{ message_action: 13 }, 'context.message_action: is a number; send a string or null'],
    [{ roles: 'admin' }, 'context.roles: is a string; send a list of strings'],
    [{ roles: [1] }, 'context.roles: is an array; send a list of strings'],
    [{ is_admin: 'yes' }, 'context.is_admin: is a string; send true, false or null'],
    [{ user_id: 7 }, 'context.user_id: is a number; send a string or null'],
    [{ read_deleted: 'maybe' }, 'context.read_deleted: is not known; send no, yes or only'],
  ])('refuses %j', (raw, message) => {
    expect(() => decodeContext(raw)).toThrow(message);
  });
});

describe('encodeContext', () => {
  it('gives back every key that came, elevated or not', () => {
    const raw = {
      ...encodeContext(decodeContext({ user_id: 'u' }, NOW).request),
      trace_info: { base_id: 'x' },
      more: 1,
    };
    const { request, rest } = decodeContext(raw);
    expect(encodeContext(request, rest)).toStrictEqual(raw);
    expect(encodeContext(elevated(request), rest)).toStrictEqual({ ...raw, is_admin: true, roles: ['admin'] });
  });

  it('writes every key that Python reads or writes, also for a context of our own', () => {
    const keys = Object.keys(encodeContext(serviceContext(NOW))).sort();
    expect(keys).toStrictEqual(
      (
        'auth_token domain domain_id global_request_id is_admin is_admin_project message_action message_resource_id ' +
        'message_resource_type project project_domain project_id project_name quota_class read_deleted read_only ' +
        'remote_address request_id resource_uuid roles service_catalog show_deleted system_scope timestamp user ' +
        'user_domain user_id user_identity'
      ).split(' '),
    );
  });

  it('names the user as oslo does', () => {
    const { request } = decodeContext({ user_id: 'u', project_id: 'p', user_domain: 'd' });
    expect(encodeContext(request)).toMatchObject({ user_identity: 'u p - d -', user: 'u', project: 'p' });
  });
});

describe('serviceContext', () => {
  it('is an administrator without a user, and new every time', () => {
    const context = serviceContext(NOW);
    expect(context).toMatchObject({ user_id: null, project_id: null, is_admin: true, roles: ['admin'] });
    expect(serviceContext(NOW).request_id).not.toBe(context.request_id);
  });
});

describe('withoutCredentials', () => {
  it('empties what acts for the user and adds nothing', () => {
    const raw = { auth_token: 't', trace_info: { hmac_key: 'k' }, user_id: 'u' };
    expect(withoutCredentials(raw)).toStrictEqual({ auth_token: null, trace_info: null, user_id: 'u' });
  });
});
