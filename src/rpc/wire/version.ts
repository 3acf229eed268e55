/**
 * Whether an implementation of version `implemented` serves a request for `requested`: the same major number, and no
 * larger minor number. This is oslo.messaging's rule for methods and envelopes; text that is not `X.Y` serves nothing.
 */
export function isVersionServed(requested: string, implemented: string): boolean {
  const [wanted, own] = [parse(requested), parse(implemented)];
  return wanted !== undefined && own !== undefined && wanted.major === own.major && wanted.minor <= own.minor;
}

function parse(text: string): { major: number; minor: number } | undefined {
  const match = /^(\d{1,9})\.(\d{1,9})$/.exec(text);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}
