/**
 * Options that upstream's services know and this one does not read, with the reason; so that an operator's own
 * `cinder.conf`, which all of Cinder shares, is not full of "unknown" warnings.
 */
export interface Accepted {
  readonly reason: string;
  /** The operator may expect an effect that does not come: worth a warning, not only a note. */
  readonly loud: boolean;
}

interface Rule {
  readonly reason: string;
  readonly loud?: boolean;
  readonly names?: string;
  readonly pattern?: RegExp;
}

const defaultRules: readonly Rule[] = [
  {
    reason: 'read by cinder-api only',
    pattern: /^(osapi_|api_|quota_|wsgi_|volume_transfer_|tcp_keepalive|enable_v\d_api)|_api_class$/,
    names:
      'auth_strategy glance_core_properties public_endpoint use_forwarded_for resource_query_filters_file ' +
      'query_volume_filters project_id_regex until_refresh max_age ' +
      'client_socket_timeout default_availability_zone allow_availability_zone_fallback az_cache_duration ' +
      'snapshot_same_host cloned_volume_same_az enable_force_upload default_group_type compute_api_class ' +
      'os_region_name volume_usage_audit_period max_header_line reserved_image_namespaces',
  },
  {
    reason: 'read by cinder-scheduler only',
    pattern: /^scheduler_|_multiplier$/,
    names: 'message_reap_interval reservation_clean_interval max_io_ops_per_host',
  },
  {
    reason: 'read by cinder-backup only',
    pattern: /^backup_|^glusterfs_backup_/,
    names: 'swift_catalog_info keystone_catalog_info restore_discard_excess_bytes',
  },
  {
    reason: "a matter of the Python service's machinery",
    names:
      'rootwrap_config monkey_patch monkey_patch_modules volume_manager scheduler_manager backup_manager ' +
      'backdoor_port backdoor_socket log_options fatal_deprecations publish_errors rpc_conn_pool_size ' +
      'conn_pool_min_size conn_pool_ttl split_loggers trace_flags instance_format instance_uuid_format ' +
      'logging_debug_format_suffix use_eventlog db_driver db_backend watch_log_file strict_ssh_host_key_policy ' +
      'ssh_hosts_key_file num_shell_tries suppress_requests_ssl_warnings volume_service_inithost_offload',
  },
  {
    reason: 'not done here; rotate log files from outside, they are opened again by themselves and on SIGHUP',
    names: 'log_rotate_interval log_rotate_interval_type max_logfile_count max_logfile_size_mb log_rotation_type',
    loud: true,
  },
  {
    reason: 'not done here; log to standard output or error, which systemd and container engines collect',
    names: 'use_syslog use_journal syslog_log_facility',
    loud: true,
  },
  {
    reason: "a file of Python's logging module; use log_file, log_dir, debug and default_log_levels",
    names: 'log_config_append log_config',
    loud: true,
  },
  { reason: 'not done here; every line is logged', pattern: /^rate_limit_/, loud: true },
  {
    reason: 'upstream does not read it any more; Nova is found by [nova], Barbican by [barbican]',
    pattern: /^(nova|barbican)_/,
  },
  { reason: 'images are compressed with gzip, the only format that there is', names: 'compression_format' },
  { reason: 'Node does not compress what it sends by TLS', names: 'glance_api_ssl_compression' },
  {
    reason: "not done here; images come through Glance's API",
    names: 'allowed_direct_url_schemes',
    loud: true,
  },
  { reason: 'for drivers that this version does not have', names: 'volumes_dir volume_group zoning_mode' },
  { reason: 'RemoteFS drivers name a snapshot after its volume and its id', names: 'snapshot_name_template' },
  {
    reason: 'each kind of periodic work has an interval of its own',
    names: 'periodic_interval periodic_fuzzy_delay',
  },
  { reason: 'quotas are charged when a request is settled: nothing stays reserved', names: 'reservation_expire' },
  { reason: 'rows are read in pages anyway', names: 'init_host_max_objects_retrieval' },
  { reason: 'the locks of this service are those of [coordination]', names: 'lock_path' },
];

const rabbitRules: readonly Rule[] = [
  {
    reason: "a matter of the Python service's machinery",
    names:
      'heartbeat_rate kombu_compression direct_mandatory_flag ssl_enforce_fips_mode rpc_conn_pool_size ' +
      'conn_pool_min_size conn_pool_ttl rabbit_max_retries',
  },
];

const databaseRules: readonly Rule[] = [
  {
    reason: "a matter of the Python service's machinery",
    names:
      'backend sqlite_synchronous mysql_sql_mode mysql_enable_ndb mysql_wsrep_sync_wait connection_debug ' +
      'connection_trace use_db_reconnect db_inc_retry_interval connection_parameters slave_connection ' +
      'db_retry_interval synchronous_reader asyncio_connection asyncio_slave_connection use_tpool min_pool_size',
  },
];

const backendRules: readonly Rule[] = [
  { reason: 'not used by RemoteFS drivers', pattern: /^(target|iscsi|iser|nvmet|scst|chap|san|iet|chiscsi)_/ },
  {
    reason: 'not used by RemoteFS drivers',
    names:
      'nas_login nas_password nas_ssh_port nas_private_key nas_volume_prov_type volume_clear volume_clear_size ' +
      'volume_clear_ionice use_chap_auth driver_use_ssl driver_client_cert driver_client_cert_key ' +
      'enable_unsupported_driver volume_dd_blocksize driver_ssl_cert_verify driver_ssl_cert_path driver_data_namespace storage_protocol num_iser_scan_tries ' +
      'num_volume_device_scan_tries volumes_dir report_discard_supported replication_device disk_geometry',
  },
  {
    reason: "not done here; volumes are uploaded through Glance's API",
    names: 'image_upload_use_cinder_backend image_upload_use_internal_tenant',
    loud: true,
  },
  {
    reason: 'for block devices and backups, which this version does not serve',
    names: 'use_multipath_for_image_xfer enforce_multipath_for_image_xfer backup_use_temp_snapshot',
  },
  {
    reason: "a matter of the Python service's machinery",
    names: 'backend_native_threads_pool_size trace_flags suppress_requests_ssl_warnings num_shell_tries',
  },
  {
    reason: 'copies are not throttled by this version',
    names: 'volume_copy_bps_limit volume_copy_blkio_cgroup_name',
    loud: true,
  },
];

const keystoneRules: readonly Rule[] = [
  {
    reason: 'read by cinder-api only',
    pattern: /^(memcache|http_|auth_(uri|version|admin)|identity|service_token|enforce_token|token_cache)/,
    names:
      'www_authenticate_uri delay_auth_decision cache include_service_catalog service_type interface ' +
      'revocation_cache_time check_revocations_for_cached hash_algorithms',
  },
  { reason: "a matter of the Python service's machinery", names: 'split_loggers collect_timing' },
  { reason: 'not followed here; write the options into this section', names: 'auth_section', loud: true },
  { reason: 'upstream does not read it either; name the domains', pattern: /^default_domain_|^domain_|^trust_id$/ },
];

const concurrencyRules: readonly Rule[] = [
  { reason: 'the locks of this service are those of [coordination]', names: 'disable_process_locking lock_path' },
];

const keyRules: readonly Rule[] = [
  {
    reason: "upstream does not read it either: keys are read with the caller's token",
    names: 'auth_endpoint auth_url',
  },
  { reason: 'keys are made by cinder-api', names: 'retry_delay number_of_retries' },
  { reason: 'there is no other than v1', names: 'barbican_api_version' },
  {
    reason: 'upstream does not read it either; see verify_ssl and verify_ssl_path',
    names: 'cafile certfile keyfile insecure timeout collect_timing split_loggers',
  },
];

const castellanRules: readonly Rule[] = [
  {
    reason: 'upstream does not read it either; see [barbican_service_user]',
    names:
      'auth_type token username password user_id user_domain_id user_domain_name trust_id domain_id domain_name ' +
      'project_id project_name project_domain_id project_domain_name reauthenticate auth_url',
  },
];

const rulesOf: Readonly<Record<string, readonly Rule[]>> = {
  DEFAULT: defaultRules,
  oslo_messaging_rabbit: rabbitRules,
  database: databaseRules,
  backend_defaults: backendRules,
  oslo_concurrency: concurrencyRules,
  keystone_authtoken: keystoneRules,
  service_user: keystoneRules,
  barbican_service_user: keystoneRules,
  barbican: keyRules,
  key_manager: castellanRules,
  nova: [
    ...keystoneRules,
    {
      reason: "requests to Nova are made as a user of the service, not with a caller's token",
      names: 'token_auth_url',
    },
  ],
};

const unusedSections: readonly Rule[] = [
  {
    reason: 'keys come from Barbican or are fixed_key; see [key_manager] backend',
    names: 'vault castellan',
    loud: true,
  },
  {
    reason: "upstream does not read it either; Glance's options are in [DEFAULT]",
    names: 'glance',
  },
  {
    reason: 'read by cinder-api only',
    names:
      'oslo_middleware oslo_policy oslo_limit cors healthcheck ssl audit_middleware_notifications oslo_messaging_metrics',
  },
  {
    reason: "a matter of the Python service's machinery",
    names:
      'oslo_reports profiler profiler_jaeger profiler_otlp os_brick oslo_versionedobjects cinder_sys_admin oslo_messaging_amqp ' +
      'oslo_messaging_kafka profiler_redis sample_remote_file_source cache',
    pattern: /^privsep|_privsep$|^oslo_brick/,
  },
  { reason: 'for drivers that this version does not have', pattern: /^(fc-zone-manager|brcd_|cisco_fabric|coriolis)/ },
];

function find(rules: readonly Rule[], name: string): Accepted | undefined {
  const rule = rules.find(({ names, pattern }) => pattern?.test(name) === true || names?.split(' ').includes(name));
  return rule && { reason: rule.reason, loud: rule.loud ?? false };
}

/** Sections of which some options are left unread for a reason, whether or not others are read. */
export const sectionsWithReasons: readonly string[] = Object.keys(rulesOf);

/** Why `[group] name` is left unread, if it is one of upstream's options. Backends' sections are `backend_defaults`. */
export function acceptedOption(group: string, name: string): Accepted | undefined {
  return find(rulesOf[group] ?? [], name);
}

/** Why a whole section is left unread. */
export function acceptedSection(name: string): Accepted | undefined {
  return find(unusedSections, name);
}

const transportUrl = 'removed upstream; write it into [DEFAULT] transport_url';

/** Names that are met in the field and never have an effect, with what to write instead. */
const fieldHints: Readonly<Record<string, string>> = {
  rabbit_quorum_queues: 'never was an option; the name is rabbit_quorum_queue',
  rabbit_transient_quorum_queues: 'never was an option; the name is rabbit_transient_quorum_queue',
  heartbeat_in_pthread: 'removed upstream; heartbeats need no such choice here: leave it out',
  nfs_used_ratio: 'removed upstream; use reserved_percentage',
  nfs_oversub_ratio: 'removed upstream; use max_over_subscription_ratio',
  verbose: 'removed upstream; INFO is the default level, and debug = true gives more',
  rpc_backend: transportUrl,
  rabbit_host: transportUrl,
  rabbit_hosts: transportUrl,
  rabbit_port: transportUrl,
  rabbit_userid: transportUrl,
  rabbit_password: transportUrl,
  rabbit_virtual_host: transportUrl,
};

/** What to say about a name that is known to be a mistake or a relic. */
export function fieldHint(name: string): string | undefined {
  return Object.hasOwn(fieldHints, name) ? fieldHints[name] : undefined;
}
