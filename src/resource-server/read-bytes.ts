/**
 * Reads a stream to its end.
 *
 * @param most bytes that are read.
 * @throws Error when there are more.
 */
export async function readBytes(
  stream: ReadableStream<Uint8Array>,
  most: number,
): Promise<Uint8Array> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joined(chunks, size);
    size += value.byteLength;
    if (size > most) {
      await reader.cancel();
      throw new Error(`there are more than ${most} bytes`);
    }
    chunks.push(value);
  }
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}
