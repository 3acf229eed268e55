import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, fstatSync, ftruncateSync, openSync, readdirSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Volume } from '../../../src/domain/rows.ts';

/** Of qcow2 files as qemu-img makes them. */
const clusterBytes = 65536;

/** The files of a share past the driver: what lies there, and what guests and programs that end midway do to it. */
export class ShareFolder {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** What is on the share, ours apart. */
  files(): readonly string[] {
    return readdirSync(this.dir)
      .filter((name) => name !== '.cinder-volume-aa')
      .sort();
  }

  temps(): readonly string[] {
    return readdirSync(this.path('.cinder-volume-aa'));
  }

  info(volume: Volume): { readonly active: string } & Readonly<Record<string, string>> {
    return JSON.parse(readFileSync(this.path(`volume-${volume.id}.info`), 'utf8')) as { active: string };
  }

  active(volume: Volume): string {
    return this.files().includes(`volume-${volume.id}.info`) ? this.info(volume).active : `volume-${volume.id}`;
  }

  /** What the volume's guest sees as its size. */
  virtualBytes(volume: Volume): number {
    const path = this.path(this.active(volume));
    const format = path.includes(`${volume.id}.`) ? 'qcow2' : 'raw';
    const text = execFileSync('qemu-img', ['info', '-f', format, '--output=json', path], { encoding: 'utf8' });
    return (JSON.parse(text) as { 'virtual-size': number })['virtual-size'];
  }

  /** As the volume's guest would: `byte` over `length` bytes from `offset`. */
  write(volume: Volume, offset: number, length: number, byte: number): void {
    const name = this.active(volume);
    const format = name.includes('.') ? 'qcow2' : 'raw';
    qemuIo(format, this.path(name), `write -P ${byte} ${offset} ${length}`);
  }

  /** As a qemu-img that ended midway: a cluster at the end of the qcow2 file is reserved, and nothing refers to it. */
  leak(name: string): void {
    const fd = openSync(this.path(name), 'r+');
    const numberAt = (at: number): number => {
      const bytes = Buffer.alloc(8);
      readSync(fd, bytes, 0, 8, at);
      return Number(bytes.readBigUInt64BE());
    };
    const clusters = Math.ceil(fstatSync(fd).size / clusterBytes);
    const [refcountTableAt, one] = [numberAt(48), Buffer.from([0, 1])];
    writeSync(fd, one, 0, 2, numberAt(refcountTableAt) + 2 * clusters);
    ftruncateSync(fd, (clusters + 1) * clusterBytes);
    closeSync(fd);
  }

  /** How many clusters of the qcow2 file are reserved though nothing refers to them. */
  leaks(name: string): number {
    const argv = ['check', '-f', 'qcow2', '--output=json', this.path(name)];
    const { stdout } = spawnSync('qemu-img', argv, { encoding: 'utf8' });
    return (JSON.parse(stdout) as { leaks?: number }).leaks ?? 0;
  }

  /** As the guest of a raw volume can: a qcow2 header that names the host's password file. */
  writeQcow2Header(volume: Volume): void {
    const header = Buffer.alloc(4096);
    header.writeUInt32BE(0x514649fb, 0);
    header.writeUInt32BE(2, 4);
    header.writeBigUInt64BE(1024n, 8);
    header.writeUInt32BE('/etc/passwd'.length, 16);
    header.writeUInt32BE(16, 20);
    header.writeBigUInt64BE(2n ** 30n, 24);
    header.write('/etc/passwd', 1024);
    const fd = openSync(this.path(`volume-${volume.id}`), 'r+');
    writeSync(fd, header);
    closeSync(fd);
  }

  /** @throws Error where a byte of the file differs */
  expectBytes(name: string, format: 'raw' | 'qcow2', offset: number, length: number, byte: number): void {
    qemuIo(format, this.path(name), `read -P ${byte} ${offset} ${length}`);
  }
}

function qemuIo(format: string, path: string, command: string): void {
  const output = execFileSync('qemu-io', ['-f', format, '-c', command, path], { encoding: 'utf8' });
  if (output.includes('Pattern verification failed')) throw new Error(`${path}: ${command}: ${output}`);
}
