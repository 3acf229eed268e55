import { describe, expect, it } from 'vitest';
import { stateOf } from '../../../src/cli/requests-commands.ts';

describe('the state of a request, as the journal shows it', () => {
  const silentMs = 10_000;

  it.each([
    [{ owner: null, claim: 3 }, undefined, 'given back'],
    [{ owner: 'a', claim: 1 }, undefined, 'owner is gone'],
    [{ owner: 'a', claim: 1 }, { beatAgeMs: 12_400 }, 'silent for 12 s'],
    [{ owner: 'a', claim: 0 }, { beatAgeMs: 10 }, 'waits for its locks'],
    [{ owner: 'a', claim: 1 }, { beatAgeMs: 10 }, 'carried on'],
  ])('%j of an owner %j', (entry, owner, said) => {
    expect(stateOf(entry, owner, silentMs)).toContain(said);
  });
});
