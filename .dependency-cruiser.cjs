/*
 * Who may import whom:
 *
 *   kernel ← domain ← {config, log} ← ports ← {volume, service}
 *
 * Adapters (coordination, db, rpc, drivers, openstack, images, keys, http) see what is left of them and the ports, never each
 * other, never volume/ or service/. app.ts puts all together; only main.ts, cli/ and dev/ stand above it.
 */
const base = ['kernel', 'domain', 'config', 'log'];
const adapters = ['coordination', 'db', 'rpc', 'drivers', 'openstack', 'images', 'keys', 'http'];

/** The interfaces between the two worlds: files that hold no more than types, names and pure rules. */
const ports = [
  '^src/coordination/(coordinator|lock-names)[.]ts$',
  '^src/db/(database[.]ts$|ports/)',
  '^src/drivers/(volume-driver|assisted-snapshots|exec|qcow2-header)[.]ts$',
  '^src/rpc/(method|notifier)[.]ts$',
  '^src/images/image-service[.]ts$',
  '^src/images/inspect/',
  '^src/keys/key-manager[.]ts$',
  '^src/volume/compute[.]ts$',
];
const rooms = (...names) => `^src/(${names.join('|')})/`;

/** Files in `from` may import no other file of src/ than those in `allowed`. */
const only = (name, from, allowed, exceptFrom = []) => ({
  name,
  severity: 'error',
  from: { path: from, ...(exceptFrom.length > 0 ? { pathNot: exceptFrom } : {}) },
  to: { path: '^src/', pathNot: allowed },
});

/** The npm package may be imported only from `from`. */
const library = (packages, from) => ({
  name: `library-${packages[0]}`,
  comment: `only ${from} knows ${packages.join(', ')}`,
  severity: 'error',
  from: { path: '^src/', pathNot: from },
  to: { path: `node_modules/(${packages.join('|')})/` },
});

module.exports = {
  forbidden: [
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'not-found', severity: 'error', from: {}, to: { couldNotResolve: true } },
    { name: 'no-tests-in-src', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|bench|tools)/' } },
    {
      name: 'no-development-libraries',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'kernel-needs-only-node',
      severity: 'error',
      from: { path: '^src/kernel/' },
      to: { path: '^(src/(?!kernel/)|node_modules/)' },
    },
    only('domain', rooms('domain'), [rooms('kernel', 'domain')]),
    only('config-and-log', rooms('config', 'log'), [rooms(...base)]),
    only('check', rooms('check'), [rooms(...base, 'check'), ...ports]),
    only('native', rooms('native'), [rooms('kernel', 'native')]),
    only('ports', ports, [rooms(...base), ...ports]),
    only('use-cases', rooms('volume', 'service'), [rooms(...base, 'volume', 'service'), ...ports], ports),
    ...adapters.map((room) => only(`adapter-${room}`, rooms(room), [rooms(...base, 'native', room), ...ports], ports)),
    {
      name: 'coordination-drivers-apart',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/coordination/', '^src/app[.]ts$', rooms('cli', 'dev')] },
      to: { path: '^src/coordination/drivers/' },
    },
    {
      name: 'top',
      comment: 'only what starts the program stands above app.ts',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(main|app)[.]ts$', rooms('cli', 'dev', 'app')] },
      to: { path: ['^src/(main|app)[.]ts$', rooms('cli', 'dev', 'app')] },
    },
    library(['knex', 'pg', 'mysql2'], '^src/(db|dev|cli|coordination)/'),
    library(['amqplib'], '^src/rpc/'),
    library(['ioredis', 'node-zookeeper-client'], '^src/coordination/'),
    library(['fastify'], '^src/http/'),
    library(['koffi'], '^src/(native|drivers)/'),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
