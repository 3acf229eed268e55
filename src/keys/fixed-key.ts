import type { Caller } from '../images/image-service.ts';
import { keyRefused, type KeyManager } from './key-manager.ts';

/** The id under which the key of the configuration stands in volumes' rows. */
const fixedKeyId = '00000000-0000-0000-0000-000000000000';

/**
 * `[key_manager] fixed_key`: one key for all volumes (upstream's ConfKeyManager). Beside another key manager it is for
 * the volumes from the time before that one.
 */
export class FixedKey implements KeyManager {
  readonly #hex: string | null;
  readonly #others: KeyManager | null;

  /** @param others whom to ask for all other ids; null: there are no others */
  constructor(hex: string | null, others: KeyManager | null) {
    this.#hex = hex;
    this.#others = others;
  }

  async get(caller: Caller, id: string, signal: AbortSignal): Promise<Buffer> {
    if (this.#others !== null && (this.#hex === null || id !== fixedKeyId)) {
      return this.#others.get(caller, id, signal);
    }
    if (this.#hex === null) throw keyRefused('[key_manager] fixed_key is not set');
    if (id !== fixedKeyId) throw keyRefused(`key ${id} is not the one of [key_manager] fixed_key`);
    return Buffer.from(this.#hex, 'hex');
  }
}
