import { boolean, defineOptions, port, string } from '../option.ts';

/** `[health]`: the small web server for probes, metrics and status. */
export const healthOptions = defineOptions('health', {
  enabled: boolean('enabled', true, { help: 'Serve /livez, /readyz, /healthcheck, /metrics and /v1/status.' }),
  host: string('host', '127.0.0.1', { help: 'Address to listen on.' }),
  port: port('port', 18776, {
    help: 'Port to listen on; 0 takes any free one. A port that is taken is warned about; the service goes on without.',
  }),
  disableByFile: string('disable_by_file_path', null, {
    help: 'While this file exists, /healthcheck and /readyz say 503: to take a replica out of service by hand.',
  }),
});
