import { describe, expect, it } from 'vitest';
import { faultsOf, nfs } from './helpers.ts';

describe('faults', () => {
  it('are all reported at once, each with file and line, and with the fix', () => {
    const text =
      '[DEFAULT]\nhost = a@b\nreport_interval = ten\nenabled_backends = x,x\nword\n' +
      'volume_name_template = vol\n[database]\nmax_pool_size = -5\n[health]\nport = 70000\n[broken\n';
    const faults = faultsOf(text, { environment: { OS_DEFAULT__DEBUG: 'maybe' } });
    expect(faults.map((fault) => fault.split(': ')[0]).toSorted()).toEqual([
      '/a.conf:10',
      '/a.conf:11',
      '/a.conf:2',
      '/a.conf:3',
      '/a.conf:4',
      '/a.conf:4',
      '/a.conf:5',
      '/a.conf:6',
      '/a.conf:8',
      'environment OS_DEFAULT__DEBUG',
    ]);
    expect(faults.join('\n')).toMatch(/report_interval = ten: must be a whole number, 1 or more/);
  });

  it('name a backend without a section or a driver', () => {
    expect(faultsOf('[DEFAULT]\nenabled_backends = a, b\n[b]\n')).toEqual([
      expect.stringMatching(/:2: .*no section \[a\]/),
      expect.stringMatching(/:2: \[b\] has no volume_driver/),
    ]);
  });

  it('of [backend_defaults] are told once, however many backends there are', () => {
    const text = `[DEFAULT]\nenabled_backends = a,b\n[a]\n${nfs}[b]\n${nfs}[backend_defaults]\nnfs_qcow2_volumes = x\n`;
    expect(faultsOf(text)).toHaveLength(1);
  });

  it.each([
    ['rabbit_quorum_queue = true\nrabbit_ha_queues = true', 'exclude one another'],
    ['rabbit_stream_fanout = true', 'needs rabbit_transient_quorum_queue'],
  ])('of options that do not go together: %s', (lines, problem) => {
    expect(faultsOf(`[oslo_messaging_rabbit]\n${lines}\n`)).toEqual([expect.stringContaining(problem)]);
  });

  it('never show a secret', () => {
    expect(faultsOf('[DEFAULT]\ntransport_url = ${nosuch}hunter2\n').join()).not.toContain('hunter2');
  });
});
