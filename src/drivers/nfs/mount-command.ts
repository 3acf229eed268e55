import type { Share } from '../remotefs/shares.ts';

const version = /(^|,)(nfsvers|vers|v\d)/;

/**
 * The commands by which a share may get mounted, tried in this order: NFS 4 first, unless a version is asked for.
 * A share's own options are passed as they stand, after the common ones, as os-brick does.
 */
export function mountCommands(
  share: Share,
  folder: string,
  commonOptions: string | null,
): readonly (readonly [string, ...string[]])[] {
  const flags = share.options?.split(/\s+/).filter((flag) => flag !== '') ?? [];
  const asked = version.test(commonOptions ?? '') || flags.some((flag) => version.test(flag));
  const options = commonOptions === null || commonOptions === '' ? [] : [commonOptions];
  const wanted = asked ? [options] : [[...options, 'vers=4,minorversion=1'], options];
  return wanted.map((some) => {
    const given = some.length === 0 ? [] : ['-o', some.join(',')];
    return ['mount', '-t', 'nfs', ...given, ...flags, share.location, folder] as const;
  });
}
