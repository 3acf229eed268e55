import type {
  Images,
  ImageMeta,
  ImageTarget,
  LocalImage,
  UploadImage,
  UploadOptions,
} from '../../../../src/images/image-service.ts';
import { CinderError } from '../../../../src/domain/exceptions.ts';

export const IMAGE = '99999999-9999-4999-8999-999999999999';

export function imageMeta(changes: Partial<ImageMeta> = {}): ImageMeta {
  return {
    id: IMAGE,
    name: 'cirros',
    status: 'active',
    owner: 'project',
    diskFormat: 'qcow2',
    containerFormat: 'bare',
    sizeBytes: 100,
    virtualBytes: null,
    minDiskGb: 0,
    minRamMb: 0,
    updatedAt: '2026-01-01T00:00:00Z',
    md5: 'abc',
    hash: null,
    properties: { os_distro: 'cirros' },
    ...changes,
  };
}

/** An image service and a local disk as maps. `failures`: what a method throws, by its name. */
export class FakeImages implements Images {
  readonly stored = new Map<string, ImageMeta>([[IMAGE, imageMeta()]]);
  readonly failures = new Map<string, Error>();
  readonly calls: string[] = [];
  readonly local = new Set<string>();
  readonly uploads: { readonly image: UploadImage; readonly path: string; readonly options: UploadOptions }[] = [];
  virtualBytes = 2 * 1024 ** 3;
  hook: (name: string, when: 'before' | 'after') => void = () => undefined;

  show(_caller: unknown, id: string): Promise<ImageMeta> {
    return this.#step('show', () => {
      const image = this.stored.get(id);
      if (image === undefined) throw new CinderError('ImageNotFound', { image_id: id });
      return image;
    });
  }

  requireFit(): void {
    const failure = this.failures.get('requireFit');
    if (failure !== undefined) throw failure;
  }

  fetch(_caller: unknown, image: ImageMeta, { volumeId }: ImageTarget): Promise<LocalImage> {
    return this.#step('fetch', () => ({
      ...this.#file(`${image.id} for ${volumeId}`),
      format: 'qcow2',
      virtualBytes: this.virtualBytes,
    }));
  }

  uploadFormat(image: UploadImage): { format: string; compress: boolean } {
    return { format: image.diskFormat, compress: true };
  }

  scratch(volumeId: string): Promise<{ path: string } & AsyncDisposable> {
    return this.#step('scratch', () => this.#file(`copy of ${volumeId}`));
  }

  upload(_caller: unknown, image: UploadImage, path: string, options: UploadOptions): Promise<void> {
    return this.#step('upload', () => {
      this.uploads.push({ image, path, options });
      this.stored.set(image.id, imageMeta({ id: image.id, status: 'active' }));
    });
  }

  discardUnfinished(_caller: unknown, id: string): Promise<void> {
    return this.#step('discardUnfinished', () => {
      if (this.stored.get(id)?.status !== 'active') this.stored.delete(id);
    });
  }

  #file(path: string): { path: string } & AsyncDisposable {
    this.local.add(path);
    return { path, [Symbol.asyncDispose]: () => Promise.resolve(void this.local.delete(path)) };
  }

  async #step<T>(name: string, work: () => T): Promise<T> {
    this.calls.push(name);
    await Promise.resolve();
    this.hook(`images.${name}`, 'before');
    const failure = this.failures.get(name);
    if (failure !== undefined) throw failure;
    const result = work();
    this.hook(`images.${name}`, 'after');
    return result;
  }
}
