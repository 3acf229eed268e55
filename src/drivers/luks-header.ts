const magic = Buffer.from('LUKS\xba\xbe', 'latin1');
/** Of version 1, the only one that qemu knows: version (16 bits) and the data's offset (32 bits, in sectors). */
const [versionAt, payloadAt, sectorBytes] = [6, 104, 512];

/** Where the data of a file begins that is LUKS as a whole; null: it is none, by its first bytes. */
export function luksDataOffset(bytes: Buffer): number | null {
  if (bytes.length < payloadAt + 4 || !bytes.subarray(0, magic.length).equals(magic)) return null;
  return bytes.readUInt16BE(versionAt) === 1 ? bytes.readUInt32BE(payloadAt) * sectorBytes : null;
}
