import type { Operation } from '../operation.ts';
import { createSnapshot } from './create-snapshot.ts';
import { createVolume } from './create-volume.ts';
import { deleteSnapshot } from './delete-snapshot.ts';
import { deleteVolume } from './delete-volume.ts';

/** Every RPC cast that this service carries out, in the order of upstream's manager. */
export const operations: readonly Operation[] = [createVolume, deleteVolume, createSnapshot, deleteSnapshot];
