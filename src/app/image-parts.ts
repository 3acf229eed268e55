import type { BackendSettings, Settings } from '../config/options/index.ts';
import type { Database } from '../db/database.ts';
import { shareHelperPath } from '../drivers/share/helper-location.ts';
import { ShareClient } from '../drivers/share/share-client.ts';
import { ConversionFolder } from '../images/conversion-folder.ts';
import type { Images } from '../images/image-service.ts';
import { ImageWorkshop } from '../images/image-workshop.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Component } from '../kernel/component.ts';
import type { Logger } from '../log/logger.ts';
import { GlanceImageService } from '../openstack/glance-image-service.ts';
import { GlanceRequests } from '../openstack/glance-requests.ts';
import { GlanceServers } from '../openstack/glance-servers.ts';
import { HttpClient } from '../openstack/http-client.ts';
import { parseCatalogInfo } from '../openstack/service-catalog.ts';
import type { ImageCacheSettings } from '../volume/operation.ts';
import { createSession } from './keystone-parts.ts';

/** Silence that is borne where no option says so: Glance says nothing while it stores an image. */
const glanceIdleMs = 600_000;
/** A process that was silent for so long does not come back for its temporary images. */
const deadAfterMs = 600_000;

export interface ImageParts {
  readonly images: Images;
  /** To be started after the database. */
  readonly components: readonly Component[];
}

/** Glance, behind the service user's session with Keystone, and the folder in which images are worked on. */
export function createImages(given: {
  readonly settings: Settings;
  readonly incarnation: string;
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
}): ImageParts {
  const { settings, incarnation, db, clock, log } = given;
  const options = settings.images;
  const living = async (): Promise<ReadonlySet<string>> => {
    const all = await db.incarnations.list();
    return new Set(all.filter(({ beatAgeMs }) => beatAgeMs < deadAfterMs).map(({ id }) => id));
  };
  const folder = new ConversionFolder({ root: options.imageConversionDir, incarnation, living, log });
  // Programs that read local images are supervised like those that work on shares.
  const exec = new ShareClient({
    name: 'image helper',
    allowed: () => ({ base: null, folders: [] }),
    entry: shareHelperPath(),
    clock,
    log,
  });
  const images = new ImageWorkshop({ service: createGlance(settings, log), folder, exec, options, log });
  return { images, components: [folder, startedByItself(exec)] };
}

/** Where the image volume cache is on and the internal tenant is known. */
export function imageCacheOf(backend: BackendSettings, { images }: Settings): ImageCacheSettings | null {
  const { cinderInternalTenantProjectId: projectId, cinderInternalTenantUserId: userId } = images;
  if (!backend.imageVolumeCacheEnabled || projectId === null || userId === null) return null;
  const { imageVolumeCacheMaxSizeGb: maxSizeGb, imageVolumeCacheMaxCount: maxCount } = backend;
  return { maxSizeGb, maxCount, tenant: { projectId, userId } };
}

function createGlance(settings: Settings, log: Logger): GlanceImageService {
  const { images, serviceUser } = settings;
  const session = createSession(settings);
  const http = new HttpClient(
    {
      caFile: images.glanceCaCertificatesFile,
      certFile: images.glanceCertfile,
      keyFile: images.glanceKeyfile,
      insecure: images.glanceApiInsecure,
    },
    images.glanceRequestTimeoutMs ?? glanceIdleMs,
  );
  const region = serviceUser.regionName ?? settings.keystoneAuthtoken.regionName;
  const servers = new GlanceServers({
    configured: images.glanceApiServers,
    session,
    query: parseCatalogInfo(images.glanceCatalogInfo, region),
  });
  const { glanceNumRetries: retries } = images;
  const sendServiceToken = serviceUser.sendServiceUserToken;
  return new GlanceImageService(new GlanceRequests({ http, servers, session, sendServiceToken, retries, log }));
}

/** Its process is started with the first image: most replicas never see one. */
function startedByItself(exec: ShareClient): Component {
  return {
    name: exec.name,
    start: () => Promise.resolve(),
    stop: () => exec.stop(),
    health: () => exec.health(),
  };
}
