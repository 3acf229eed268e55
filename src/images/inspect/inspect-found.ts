import { checkQcow2 } from './check-qcow2.ts';
import { detectFormat } from './detect-format.ts';
import { ImageFault, type ImageBytes } from './image-bytes.ts';

/**
 * What a file is of which nobody has said anything: one that shall become a volume. Formats that no volume has are
 * refused, and so is what leads to other files.
 *
 * @throws ImageFault
 */
export async function inspectFound(image: ImageBytes): Promise<'raw' | 'qcow2'> {
  if (image.length === 0) throw new ImageFault('it is empty');
  const found = await detectFormat(image);
  if (found === 'qcow2') {
    await checkQcow2(image);
    return 'qcow2';
  }
  // What a raw disk may begin with: an installer's image, a partition's encryption.
  if (found === 'raw' || found === 'iso' || found === 'luks') return 'raw';
  throw new ImageFault(`its format is ${found}; a volume is raw or qcow2`);
}
