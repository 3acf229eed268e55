import { ImageFault, type ImageBytes } from './image-bytes.ts';

/** The footer's disk types: fixed and dynamic. A differencing disk (4) names its parent's file. */
const wholeDisks: readonly number[] = [2, 3];
const footerBytes = 512;

/** A VHD image that is whole: its footer, of which a dynamic one has a copy at its beginning, says so. */
export async function checkVhd(image: ImageBytes): Promise<void> {
  const last = await image.read(image.length - footerBytes, footerBytes);
  const first = await image.read(0, footerBytes);
  const footers = [first, last].filter((footer) => footer.toString('latin1', 0, 8) === 'conectix');
  if (footers.length === 0) throw new ImageFault('the VHD footer is missing');
  const types = footers.map((footer) => footer.readUInt32BE(60));
  if (!types.every((type) => wholeDisks.includes(type))) throw new ImageFault('a VHD image may have no parent');
}
