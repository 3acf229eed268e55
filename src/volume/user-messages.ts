import type { UserMessage } from '../db/ports/resources.ts';
import { isCinder } from '../domain/exceptions.ts';
import type { CinderError, CinderExceptionName } from '../domain/exceptions.ts';
import type { RequestContext } from '../domain/context.ts';

/** What the user was doing (upstream's catalogue; its three digits are what the API translates). */
const ACTIONS = {
  attachVolume: '002',
  volumeToImage: '003',
  updateAttachment: '004',
  imageToVolume: '005',
  extendVolume: '007',
  createVolume: '008',
  createSnapshot: '009',
  deleteSnapshot: '010',
  reimage: '016',
} as const;

/** What went wrong, where the error itself does not say it more exactly. */
const DETAILS = {
  attachVolume: '001',
  volumeToImage: '004',
  updateAttachment: '001',
  imageToVolume: '001',
  extendVolume: '010',
  createVolume: '012',
  createSnapshot: '013',
  deleteSnapshot: '016',
  reimage: '001',
} as const;

/** Errors that have a detail of their own, whatever the action. */
const DETAIL_OF: readonly (readonly [detail: string, ...names: CinderExceptionName[]])[] = [
  ['002', 'DriverNotInitialized'],
  ['003', 'NoValidBackend'],
  ['005', 'InvalidVolumeAttachMode'],
  ['006', 'ImageLimitExceeded', 'SnapshotLimitExceeded'],
  ['007', 'ImageTooBig'],
  ['011', 'ImageSignatureVerificationException'],
  ['015', 'SnapshotIsBusy'],
  ['029', 'ImageConversionNotAllowed'],
];

export type UserAction = keyof typeof ACTIONS;

/** The message that tells the user why an operation on one of the project's resources failed. */
export function failureMessage(
  action: UserAction,
  resource: { readonly id: string; readonly project_id: string | null },
  context: RequestContext,
  error: CinderError,
): UserMessage {
  return {
    project_id: context.project_id ?? resource.project_id ?? '',
    request_id: context.request_id,
    resource_type: action.endsWith('Snapshot') ? 'VOLUME_SNAPSHOT' : 'VOLUME',
    resource_uuid: resource.id,
    action_id: ACTIONS[action],
    detail_id: DETAIL_OF.find(([, ...names]) => isCinder(error, ...names))?.[0] ?? DETAILS[action],
  };
}
