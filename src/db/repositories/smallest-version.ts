/** The smallest of versions such as `3.18`, part by part as numbers; null without any. */
export function smallestVersion(versions: readonly (string | null)[]): string | null {
  const known = versions.filter((version) => version !== null);
  return known.toSorted(compareVersions)[0] ?? null;
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
