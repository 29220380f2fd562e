/** Writing to readers that may be slow: piece by piece, each when the last was taken, and not for ever. */
import type { ServerResponse } from 'node:http'
import type { StreamDesk } from './stream-desk.ts'

type Patience = Pick<StreamDesk, 'clock' | 'stalledMs'>

/** What is handed to a connection at a time. */
export const pieceBytesMax = 128 * 2 ** 10

/**
 * Resolves when the reader has room for more; false when it has left, or took nothing for `stalledMs` and was let go.
 */
export async function writePatiently(
  response: ServerResponse,
  bytes: Buffer | string,
  { clock, stalledMs }: Patience,
): Promise<boolean> {
  if (response.destroyed) return false
  if (response.write(bytes)) return true
  const { promise, resolve } = Promise.withResolvers<void>()
  response.once('drain', resolve).once('close', resolve)
  using _ = clock.after(stalledMs, () => response.destroy())
  await promise
  response.off('drain', resolve).off('close', resolve)
  return !response.destroyed
}

/** Writes a body whose head was written, and ends. */
export async function endPatiently(response: ServerResponse, body: Buffer, patience: Patience): Promise<void> {
  let at = 0
  for (; body.length - at > pieceBytesMax; at += pieceBytesMax) {
    if (!(await writePatiently(response, body.subarray(at, at + pieceBytesMax), patience))) return
  }
  const watch = patience.clock.after(patience.stalledMs, () => response.destroy())
  response.once('close', () => watch.cancel())
  response.end(body.subarray(at))
}
