/**
 * Real servers that tests start and stop themselves: each on a free loopback port, in a folder of its own under the
 * system's temporary folder, killed by the kernel if the test process dies.
 *
 * A test that only uses a server takes a part of the run's common one (`shared-servers`); one that kills, freezes or
 * restarts it starts its own from here.
 */
export { startEtcd, startEtcdCluster } from './etcd-server.ts';
export { startMariadb } from './mariadb-server.ts';
export { startMemcached } from './memcached-server.ts';
export { createDatabase, startPostgres, type PostgresServer } from './postgres-server.ts';
export { startRabbit, type RabbitServer } from './rabbit-server.ts';
export { startRedis, type RedisServer } from './redis-server.ts';
export type { TestServer } from './test-server.ts';
export { startZookeeper, startZookeeperEnsemble, type ZookeeperServer } from './zookeeper-server.ts';
