import { boolean, choice, defineOptions, fractionalSeconds, integer, seconds, string } from '../option.ts';

/**
 * `[oslo_messaging_rabbit]`. What decides the arguments of a queue must be the same for every process that declares
 * it, or the broker refuses the second one (406 PRECONDITION_FAILED). A query in `transport_url` overrides these.
 */
export const rabbitOptions = defineOptions('oslo_messaging_rabbit', {
  amqpDurableQueues: boolean('amqp_durable_queues', false, {
    formerly: [{ group: 'DEFAULT', name: 'amqp_durable_queues' }, 'rabbit_durable_queues'],
    help: 'Declare the queues of topics durable.',
  }),
  amqpAutoDelete: boolean('amqp_auto_delete', false, {
    formerly: [{ group: 'DEFAULT', name: 'amqp_auto_delete' }],
    help: 'Declare the queues of topics to vanish with their last consumer.',
  }),
  rabbitHaQueues: boolean('rabbit_ha_queues', false, {
    formerly: [{ group: 'DEFAULT', name: 'rabbit_ha_queues' }],
    help: 'Declare queues with x-ha-policy=all. RabbitMQ ignores it since 3.0, but it must match what others declare.',
  }),
  rabbitQuorumQueue: boolean('rabbit_quorum_queue', false, {
    help: 'Declare the queues of topics as durable quorum queues. Not together with rabbit_ha_queues.',
  }),
  rabbitTransientQuorumQueue: boolean('rabbit_transient_quorum_queue', false, {
    help: 'Declare fanout and reply queues as quorum queues too. Best used with use_queue_manager.',
  }),
  rabbitQuorumDeliveryLimit: integer('rabbit_quorum_delivery_limit', 0, {
    min: 0,
    help: 'x-delivery-limit of quorum queues; 0 leaves it to the broker.',
  }),
  rabbitQuorumMaxMemoryLength: integer('rabbit_quorum_max_memory_length', 0, {
    min: 0,
    formerly: ['rabbit_quroum_max_memory_length'],
    help: 'x-max-in-memory-length of quorum queues; 0 sends none.',
  }),
  rabbitQuorumMaxMemoryBytes: integer('rabbit_quorum_max_memory_bytes', 0, {
    min: 0,
    formerly: ['rabbit_quroum_max_memory_bytes'],
    help: 'x-max-in-memory-bytes of quorum queues; 0 sends none.',
  }),
  rabbitTransientQueuesTtlMs: seconds('rabbit_transient_queues_ttl', 1800, {
    min: 0,
    help: 'Seconds after which the broker removes a reply or fanout queue that nobody reads; 0 keeps it.',
  }),
  rabbitStreamFanout: boolean('rabbit_stream_fanout', false, {
    help: 'Use one stream for a fanout instead of a queue for each reader; RabbitMQ has streams from 3.9 on. Needs rabbit_transient_quorum_queue and rabbit_qos_prefetch_count.',
  }),
  rabbitQosPrefetchCount: integer('rabbit_qos_prefetch_count', 0, {
    min: 0,
    max: 65535,
    help: 'How many messages the broker hands out before the first is acknowledged; 0 sets no limit.',
  }),
  useQueueManager: boolean('use_queue_manager', false, {
    help: 'Name reply and fanout queues after host, process and a number, instead of at random, so that a process finds its queues again after a restart. A lock in /dev/shm keeps processes of one host and process name apart.',
  }),
  hostname: string('hostname', '', {
    machineDefault: 'hostname',
    help: 'The host in names made by the queue manager.',
  }),
  processname: string('processname', 'cinder-volume-aa', {
    help: 'The process in names made by the queue manager. It must differ from that of every other process on the host.',
  }),
  rabbitLoginMethod: choice('rabbit_login_method', 'AMQPLAIN', ['PLAIN', 'AMQPLAIN', 'EXTERNAL'], {
    formerly: [{ group: 'DEFAULT', name: 'rabbit_login_method' }],
    help: 'How to log in. EXTERNAL uses the name in the TLS certificate.',
  }),
  ssl: boolean('ssl', false, { formerly: ['rabbit_use_ssl'], help: 'Connect by TLS.' }),
  sslVersion: string('ssl_version', '', {
    formerly: ['kombu_ssl_version'],
    help: 'The only TLS version to use: TLSv1_2 or TLSv1_3. Empty: what both sides know.',
    check: (text) =>
      ['', 'tlsv1', 'tlsv1_1', 'tlsv1_2', 'tlsv1_3'].includes(text.toLowerCase())
        ? undefined
        : 'must be TLSv1_2, TLSv1_3 or empty',
  }),
  sslKeyFile: string('ssl_key_file', '', { formerly: ['kombu_ssl_keyfile'], help: 'The private key, in PEM.' }),
  sslCertFile: string('ssl_cert_file', '', { formerly: ['kombu_ssl_certfile'], help: 'The certificate, in PEM.' }),
  sslCaFile: string('ssl_ca_file', '', {
    formerly: ['kombu_ssl_ca_certs'],
    help: "Certificates to check the broker's with. Empty: the broker's certificate is not checked.",
  }),
  sslEnforceHostnameVerification: boolean('ssl_enforce_hostname_verification', true, {
    help: "Whether the broker's certificate must be for the host name in transport_url. Only with ssl_ca_file.",
  }),
  heartbeatTimeoutThresholdMs: seconds('heartbeat_timeout_threshold', 60, {
    min: 0,
    help: 'Seconds without a sign of life after which a connection is given up; 0 never does.',
  }),
  kombuReconnectDelayMs: fractionalSeconds('kombu_reconnect_delay', 1, {
    min: 0,
    max: 4.5,
    formerly: [{ group: 'DEFAULT', name: 'kombu_reconnect_delay' }],
    help: 'Seconds to wait before connecting again.',
  }),
  kombuReconnectSplayMs: fractionalSeconds('kombu_reconnect_splay', 0, {
    min: 0,
    help: 'A random time up to this many seconds is added to kombu_reconnect_delay, so that not all come at once.',
  }),
  kombuMissingConsumerRetryTimeoutMs: seconds('kombu_missing_consumer_retry_timeout', 60, {
    min: 0,
    formerly: ['kombu_reconnect_timeout'],
    help: 'Seconds for which a reply is tried again while its queue is missing.',
  }),
  kombuFailoverStrategy: choice('kombu_failover_strategy', 'round-robin', ['round-robin', 'shuffle'], {
    help: 'Which of several brokers is tried next.',
  }),
  rabbitRetryIntervalMs: seconds('rabbit_retry_interval', 1, {
    min: 1,
    help: 'Seconds between the first and the second try to connect.',
  }),
  rabbitRetryBackoffMs: seconds('rabbit_retry_backoff', 2, {
    min: 0,
    formerly: [{ group: 'DEFAULT', name: 'rabbit_retry_backoff' }],
    help: 'Seconds by which the wait grows with each try.',
  }),
  rabbitIntervalMaxMs: seconds('rabbit_interval_max', 30, {
    min: 1,
    help: 'The longest wait in seconds between two tries to connect.',
  }),
  enableCancelOnFailover: boolean('enable_cancel_on_failover', false, {
    help: 'Ask the broker to cancel our consumers when a mirrored queue moves.',
  }),
});
