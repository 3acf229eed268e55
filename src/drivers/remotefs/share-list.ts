import { readFile } from 'node:fs/promises';
import { CinderError } from '../../domain/exceptions.ts';
import { isErrno } from '../../kernel/errors.ts';
import type { Logger } from '../../log/logger.ts';
import type { RemoteFsOptions } from './settings.ts';
import { parseSharesFile, type Share } from './shares.ts';

/** The configured shares: `nas_host` with `nas_share_path`, else the lines of the shares file. */
export async function readShares(options: RemoteFsOptions, log: Logger): Promise<readonly Share[]> {
  const { nasHost, nasSharePath, nasMountOptions, nfsSharesConfig } = options;
  if (nasHost !== '' && nasSharePath !== '') {
    return [{ location: `${nasHost}:${nasSharePath}`, options: nasMountOptions }];
  }
  const text = await readFile(nfsSharesConfig, 'utf8').catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT')) throw error;
    const message = `The shares file ${nfsSharesConfig} (nfs_shares_config) does not exist.`;
    throw new CinderError('NfsException', {}, { message, cause: error, outcome: 'not-started' });
  });
  const { shares, ignored } = parseSharesFile(text);
  for (const line of ignored) log.error({ file: nfsSharesConfig }, `ignored, it is not HOST:/PATH: ${line}`);
  return shares;
}
