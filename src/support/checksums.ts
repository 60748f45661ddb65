// Checksums as they stand in files.
import { crc32 } from 'node:zlib';

/** A CRC-32 in eight hexadecimal digits. */
export const hex = (crc: number): string => crc.toString(16).padStart(8, '0');

export const sumOf = (body: string | Buffer, from = 0): string => hex(crc32(body, from));
