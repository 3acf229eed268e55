import { custodyOf } from '../custody-of.ts';
import type { QuotaRules } from '../database-options.ts';
import type { Repositories } from '../database.ts';
import type { OwnNames } from '../own-names.ts';
import type { Session } from '../session.ts';
import { Attachments } from './attachments.ts';
import { Backups } from './backups.ts';
import { Clusters } from './clusters.ts';
import { Fence } from './fence.ts';
import { GlanceMetadata } from './glance-metadata.ts';
import { GroupSnapshots } from './group-snapshots.ts';
import { Groups } from './groups.ts';
import { ImageCache } from './image-cache.ts';
import { Incarnations } from './incarnations.ts';
import { Journal } from './journal.ts';
import { Messages } from './messages.ts';
import { Outbox } from './outbox.ts';
import { Quotas } from './quotas.ts';
import { Services } from './services.ts';
import { Snapshots } from './snapshots.ts';
import { VolumeTypes } from './volume-types.ts';
import { Volumes } from './volumes.ts';
import { Workers } from './workers.ts';

export interface RepositoryOptions {
  readonly names: OwnNames;
  readonly quota: QuotaRules;
}

/** Every repository, on one session. */
export function createRepositories(session: Session, options: RepositoryOptions): Repositories {
  const fence = new Fence(session, options.names);
  return {
    journal: new Journal(session, options.names),
    fence,
    outbox: new Outbox(session, options.names),
    incarnations: new Incarnations(session, options.names),
    volumes: new Volumes(session, custodyOf(session.dialect, options.names), fence),
    snapshots: new Snapshots(session),
    volumeTypes: new VolumeTypes(session),
    attachments: new Attachments(session),
    backups: new Backups(session),
    glanceMetadata: new GlanceMetadata(session),
    imageCache: new ImageCache(session),
    groups: new Groups(session),
    groupSnapshots: new GroupSnapshots(session),
    quotas: new Quotas(session, options.quota),
    workers: new Workers(session),
    messages: new Messages(session),
    services: new Services(session, options.names),
    clusters: new Clusters(session),
  };
}
