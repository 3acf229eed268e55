import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rename, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** `[service_user]` for an `ImageServer` in Keystone's place. */
export const serviceUserConf = (url: string): string => `[service_user]
auth_type = password
auth_url = ${url}
username = cinder
password = secret
user_domain_name = Default
project_name = service
project_domain_name = Default

`;

interface Image {
  readonly id: string;
  readonly diskFormat: string;
  status: 'queued' | 'saving' | 'active';
  uploads: number;
}

/**
 * Stands in for Glance, and for the Keystone that gives a token for it: images in a folder, each filled once. An upload
 * that breaks off leaves its image `queued`, as Glance does.
 */
export class ImageServer {
  readonly #dir: string;
  readonly #server: Server;
  readonly #images = new Map<string, Image>();

  private constructor(dir: string) {
    this.#dir = dir;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(dir: string): Promise<ImageServer> {
    const server = new ImageServer(dir);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Where an image's content is, or is to come. */
  path(id: string): string {
    return join(this.#dir, `image-${id}`);
  }

  /** As the API makes it for an upload; `active`: its file is there. */
  add(id: string, status: 'queued' | 'active', diskFormat = 'qcow2'): void {
    this.#images.set(id, { id, diskFormat, status, uploads: 0 });
  }

  statusOf(id: string): string | undefined {
    return this.#images.get(id)?.status;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    if (method === 'POST' && url === '/v3/auth/tokens') {
      giveToken(request, response);
      return;
    }
    const [, id = '', file] = /^\/v2\/images\/([0-9a-f-]{36})(\/file)?$/.exec(url) ?? [];
    const image = this.#images.get(id);
    if (image === undefined) {
      end(request, response, 404);
      return;
    }
    if (method === 'GET' && file === undefined) return this.#show(image, response);
    if (method === 'GET') return this.#download(image, response);
    if (method === 'PUT') return this.#upload(image, request, response);
    if (method !== 'DELETE') {
      end(request, response, 405);
      return;
    }
    this.#images.delete(id);
    await rm(this.path(id), { force: true });
    end(request, response, 204);
  }

  async #show({ id, status, diskFormat }: Image, response: ServerResponse): Promise<void> {
    const content = status === 'active' ? await readFile(this.path(id)) : null;
    const checksum = content === null ? null : createHash('md5').update(content).digest('hex');
    const body = { id, status, checksum, size: content?.length ?? null, disk_format: diskFormat };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...body, container_format: 'bare', min_disk: 0, min_ram: 0, name: id }));
  }

  async #download({ id, status }: Image, response: ServerResponse): Promise<void> {
    if (status !== 'active') {
      response.writeHead(204).end();
      return;
    }
    response.writeHead(200, { 'content-length': (await stat(this.path(id))).size });
    await pipeline(createReadStream(this.path(id)), response);
  }

  async #upload(image: Image, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (image.status !== 'queued') {
      end(request, response, 409);
      return;
    }
    image.status = 'saving';
    image.uploads += 1;
    const unfinished = `${this.path(image.id)}.${image.uploads}`;
    try {
      await pipeline(request, createWriteStream(unfinished));
    } catch (error) {
      image.status = 'queued';
      await rm(unfinished, { force: true });
      throw error;
    }
    await rename(unfinished, this.path(image.id));
    image.status = 'active';
    response.writeHead(204).end();
  }
}

function giveToken(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.writeHead(201, { 'content-type': 'application/json', 'x-subject-token': 'token' });
  response.end(JSON.stringify({ token: { expires_at: '2999-01-01T00:00:00Z', catalog: [] } }));
}

function end(request: IncomingMessage, response: ServerResponse, status: number): void {
  request.resume();
  response.writeHead(status).end();
}
