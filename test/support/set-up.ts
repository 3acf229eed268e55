/** Runs in every test process: `npm test` asks for a umask where a suite runs as another user. */
const umask = process.env['TEST_UMASK'];
if (umask !== undefined) process.umask(Number.parseInt(umask, 8));
