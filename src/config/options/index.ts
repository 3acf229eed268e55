import type { Values } from '../option.ts';
import { activeActiveOptions } from './active-active.ts';
import { backendOptions } from './backend.ts';
import { coordinationOptions } from './coordination.ts';
import { databaseOptions } from './database.ts';
import { healthOptions } from './health.ts';
import { barbicanServiceUserOptions, keystoneAuthtokenOptions, novaOptions, serviceUserOptions } from './identity.ts';
import { imageOptions } from './images.ts';
import { barbicanOptions, keyManagerOptions } from './keys.ts';
import { loggingOptions } from './logging.ts';
import { notificationOptions } from './messaging.ts';
import { rabbitOptions } from './rabbit.ts';
import { serviceOptions } from './service.ts';

/** All options of the process, by the part that reads them. Those of a backend stand apart: there are several. */
export const areas = {
  service: serviceOptions,
  images: imageOptions,
  logging: loggingOptions,
  database: databaseOptions,
  rabbit: rabbitOptions,
  notifications: notificationOptions,
  coordination: coordinationOptions,
  keystoneAuthtoken: keystoneAuthtokenOptions,
  serviceUser: serviceUserOptions,
  nova: novaOptions,
  keyManager: keyManagerOptions,
  barbican: barbicanOptions,
  barbicanServiceUser: barbicanServiceUserOptions,
  health: healthOptions,
  activeActive: activeActiveOptions,
} as const;

/** One frozen object of typed values for each area. */
export type Settings = { readonly [A in keyof typeof areas]: Values<(typeof areas)[A]> };

/** The values of one backend. */
export type BackendSettings = Values<typeof backendOptions>;

export { backendOptions };
