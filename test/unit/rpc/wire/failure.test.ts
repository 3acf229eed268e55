import { describe, expect, it } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import {
  RemoteError,
  decodeFailure,
  encodeFailure,
  noSuchMethod,
  unsupportedVersion,
  wrongArguments,
} from '../../../../src/rpc/wire/failure.ts';
import { WireError } from '../../../../src/rpc/wire/wire-error.ts';

const written = (thrown: unknown): unknown => JSON.parse(encodeFailure(thrown));

describe('encodeFailure', () => {
  it('lets the caller rebuild a cinder exception', () => {
    expect(written(new CinderError('VolumeNotFound', { volume_id: 'v1' }))).toStrictEqual({
      class: 'VolumeNotFound',
      module: 'cinder.exception',
      message: 'Volume v1 could not be found.',
      tb: ['cinder.exception.VolumeNotFound: Volume v1 could not be found.\n'],
      args: ['Volume v1 could not be found.'],
      kwargs: { volume_id: 'v1', code: 404 },
    });
  });

  it('never has `message` among the kwargs, and gives it alone where Python adds the beginning again', () => {
    expect(written(new CinderError('VolumeDriverException', { message: 'disk' }))).toMatchObject({
      message: 'Volume driver reported an error: disk',
      args: ['disk'],
      kwargs: { code: 500 },
    });
    const reworded = new CinderError('VolumeDriverException', { message: 'disk' }, { message: 'quite other' });
    expect(written(reworded)).toMatchObject({ args: ['quite other'], kwargs: { code: 500 } });
  });

  it.each([
    [new RangeError('r'), 'RangeError', 'cinder_volume_aa'],
    ['thrown text', 'Error', 'cinder_volume_aa'],
    [unsupportedVersion('3.99', 'm'), 'UnsupportedVersion', 'oslo_messaging.rpc.dispatcher'],
    [noSuchMethod('m'), 'NoSuchMethod', 'oslo_messaging.rpc.dispatcher'],
    [wrongArguments('m'), 'TypeError', 'builtins'],
    [new WireError('f', 'p'), 'ValueError', 'builtins'],
  ])('names the class of %s', (thrown, name, module) => {
    expect(written(thrown)).toMatchObject({ class: name, module, kwargs: {} });
  });

  it('sends no stack of ours', () => {
    expect(encodeFailure(new Error('x'))).not.toContain('failure.test.ts');
  });

  it('passes on what a peer said', () => {
    const first = encodeFailure(new CinderError('InvalidVolume', { reason: 'no' }));
    expect(written(decodeFailure(first))).toStrictEqual(JSON.parse(first));
  });
});

describe('decodeFailure', () => {
  it('reads class, module, message and traceback', () => {
    const text = JSON.stringify({
      class: 'InvalidInput_Remote',
      module: 'cinder.exception_Remote',
      message: 'm',
      tb: ['a\n', 'b\n'],
      args: ['m'],
      kwargs: { reason: 'r' },
    });
    const error = decodeFailure(text);
    expect(error).toMatchObject({
      python: { name: 'InvalidInput', module: 'cinder.exception' },
      message: 'Remote error: InvalidInput m',
      remoteMessage: 'm',
      traceback: 'a\nb\n',
      kwargs: { reason: 'r' },
      outcome: 'unknown',
    });
    expect(error.isCinder('VolumeNotFound', 'InvalidInput')).toBe(true);
    expect(error.isCinder('VolumeNotFound')).toBe(false);
  });

  it("does not take a class of another module for cinder's", () => {
    expect(decodeFailure('{"class":"InvalidInput","module":"x"}').isCinder('InvalidInput')).toBe(false);
  });

  it.each(['', '{', '[]', '{"class":7}', '{}', '{"class":"A","message":{}}', '{"class":"A","tb":7,"kwargs":[]}'])(
    'makes a RemoteError of %j too: the call has failed in any case',
    (text) => {
      expect(decodeFailure(text)).toBeInstanceOf(RemoteError);
    },
  );
});
