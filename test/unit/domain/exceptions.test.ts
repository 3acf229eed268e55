import { describe, expect, it } from 'vitest';
import { CINDER_EXCEPTIONS } from '../../../src/domain/exception-catalogue.ts';
import { CinderError, isCinder, isCinderExceptionName, toCinderError } from '../../../src/domain/exceptions.ts';
import { InvalidInputError, TimeoutError } from '../../../src/kernel/errors.ts';

describe('CinderError', () => {
  it('fills the text with its parameters and takes code and HTTP code from the catalogue', () => {
    const error = new CinderError('VolumeNotFound', { volume_id: 'v1' });
    expect(error).toMatchObject({
      message: 'Volume v1 could not be found.',
      exception: 'VolumeNotFound',
      httpCode: 404,
      code: 'VOLUME_NOT_FOUND',
      outcome: 'failed',
      kwargs: { volume_id: 'v1' },
    });
  });

  it('does not read marks inside a parameter', () => {
    expect(new CinderError('InvalidVolume', { reason: '%(reason)s $& $1' }).message).toBe(
      'Invalid volume: %(reason)s $& $1',
    );
  });

  it('accepts another message, a cause and an outcome', () => {
    const cause = new Error('disk');
    const error = new CinderError('NfsException', {}, { message: 'mount failed', cause, outcome: 'unknown' });
    expect(error).toMatchObject({ message: 'mount failed', cause, outcome: 'unknown' });
  });

  it('knows its parameters at compile time', () => {
    // @ts-expect-error the text has no such parameter
    expect(() => new CinderError('VolumeNotFound', { volume: 'v1' })).not.toThrow();
    // @ts-expect-error no such exception
    expect(() => new CinderError('NoSuchThing', {})).toThrow(TypeError);
  });

  it.each([
    ['RemoteFSException', 'REMOTE_FS_EXCEPTION'],
    ['InvalidUUID', 'INVALID_UUID'],
    ['OverQuota', 'OVER_QUOTA'],
  ] as const)('%s has the code %s', (name, code) => {
    const kwargs = { uuid: 'x', overs: 'y' };
    expect(new CinderError(name, kwargs).code).toBe(code);
  });

  it('has only marks of the form that the types understand', () => {
    for (const { message } of Object.values(CINDER_EXCEPTIONS)) {
      expect(message.replaceAll(/%\([a-z_]+\)s/g, '')).not.toContain('%');
    }
  });
});

describe('isCinder', () => {
  it('tells the named exceptions from all else', () => {
    const busy = new CinderError('VolumeIsBusy', { volume_name: 'v' });
    expect(isCinder(busy, 'SnapshotIsBusy', 'VolumeIsBusy')).toBe(true);
    expect(isCinder(busy, 'SnapshotIsBusy')).toBe(false);
    expect(isCinder(new Error('VolumeIsBusy'), 'VolumeIsBusy')).toBe(false);
  });

  it('knows names, and no inherited ones', () => {
    expect(isCinderExceptionName('VolumeIsBusy')).toBe(true);
    expect(isCinderExceptionName('toString')).toBe(false);
  });
});

describe('toCinderError', () => {
  it('keeps a CinderError', () => {
    const error = new CinderError('DriverNotInitialized', {});
    expect(toCinderError(error)).toBe(error);
  });

  it('keeps the outcome of our errors, and knows nothing about those of others', () => {
    expect(toCinderError(new TimeoutError('glance', 5))).toMatchObject({ outcome: 'unknown' });
    expect(toCinderError(new InvalidInputError('size', 'must be positive'))).toMatchObject({
      exception: 'InvalidInput',
      outcome: 'not-started',
      message: 'Invalid input received: size: must be positive',
    });
    expect(toCinderError('oops')).toMatchObject({ exception: 'CinderException', message: 'oops', outcome: 'unknown' });
  });
});
