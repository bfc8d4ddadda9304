/** Makes screenshots small: pages have few colours, so a palette is enough. */
import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
const CHANNELS = 3;
const MOST_COLORS = 256;
/** The square of a distance in RGB below which two colours count as one. */
const SAME = 10;

/**
 * The same picture with at most 256 colours: frequent ones that can be told apart; the others take the
 * nearest of them.
 *
 * @param {Buffer} png 8 bits a channel, RGB, not interlaced, as Chromium writes them.
 * @returns {Buffer}
 */
export function indexedPng(png) {
  const { width, height, pixels } = decode(png);
  const counts = new Map();
  for (const color of pixels) counts.set(color, (counts.get(color) ?? 0) + 1);
  const frequent = [...counts].sort(([, one], [, other]) => other - one);
  const palette = paletteOf(frequent.map(([color]) => color));
  const indexes = new Map(frequent.map(([color]) => [color, nearest(color, palette)]));
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 1) {
      rows[y * (width + 1) + 1 + x] = indexes.get(pixels[at]);
    }
  }
  return encode(width, height, palette, rows);
}

/** @param {Buffer} png */
function decode(png) {
  const data = [];
  for (let at = SIGNATURE.length; at < png.length; at += 12 + png.readUInt32BE(at)) {
    const type = png.toString('latin1', at + 4, at + 8);
    if (type === 'IDAT') data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  if (png.readUInt16BE(24) !== 0x0802) throw new Error('The picture is not RGB with 8 bits');
  const rows = inflateSync(Buffer.concat(data));
  const stride = width * CHANNELS;
  for (let y = 0; y < height; y += 1) unfilter(rows, y, stride);
  const pixels = new Uint32Array(width * height);
  for (let at = 0; at < pixels.length; at += 1) {
    const byte = Math.floor(at / width) * (stride + 1) + 1 + (at % width) * CHANNELS;
    pixels[at] = rows.readUIntBE(byte, CHANNELS);
  }
  return { width, height, pixels };
}

/**
 * PNG specification §9: each byte was written as the difference to a guess made from its neighbours.
 *
 * @param {Buffer} rows
 * @param {number} y
 * @param {number} stride
 */
function unfilter(rows, y, stride) {
  const begin = y * (stride + 1);
  const kind = rows[begin];
  for (let x = 1; x <= stride; x += 1) {
    const left = x > CHANNELS ? rows[begin + x - CHANNELS] : 0;
    const up = y > 0 ? rows[begin + x - stride - 1] : 0;
    const corner = x > CHANNELS && y > 0 ? rows[begin + x - stride - 1 - CHANNELS] : 0;
    const guesses = [0, left, up, (left + up) >> 1, paeth(left, up, corner)];
    rows[begin + x] += guesses[kind];
  }
}

/**
 * @param {number} left
 * @param {number} up
 * @param {number} corner
 */
function paeth(left, up, corner) {
  const guess = left + up - corner;
  const [a, b, c] = [left, up, corner].map((one) => Math.abs(guess - one));
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

/** @param {readonly number[]} colors the most frequent first. */
function paletteOf(colors) {
  const palette = [];
  for (const color of colors) {
    if (palette.length === MOST_COLORS) break;
    if (palette.every((other) => distance(color, other) >= SAME)) palette.push(color);
  }
  return palette;
}

/**
 * @param {number} color
 * @param {readonly number[]} palette
 */
function nearest(color, palette) {
  const distances = palette.map((other) => distance(color, other));
  return distances.indexOf(Math.min(...distances));
}

/**
 * @param {number} one
 * @param {number} other
 */
function distance(one, other) {
  const parts = [16, 8, 0].map((bits) => ((one >> bits) & 255) - ((other >> bits) & 255));
  return parts.reduce((sum, part) => sum + part ** 2, 0);
}

/**
 * @param {number} width
 * @param {number} height
 * @param {readonly number[]} palette
 * @param {Buffer} rows
 */
function encode(width, height, palette, rows) {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 3, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const colors = Buffer.from(
    palette.flatMap((color) => [color >> 16, (color >> 8) & 255, color & 255]),
  );
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', colors),
    chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/**
 * @param {string} type
 * @param {Buffer} data
 */
function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}
