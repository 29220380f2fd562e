/** From a source of bytes to an answer, no faster than it is read; whichever ends early takes the other along. */
import type { Readable } from 'node:stream'
import type { Sink } from './coded-stream.ts'

/** What breaks off at its source breaks off for the reader, that nobody takes a part for the whole. */
export function pump(source: Readable, answer: Sink): void {
  const onDrain = (): void => void source.resume()
  const onGone = (): void => void source.destroy()
  answer.on('drain', onDrain)
  answer.on('close', onGone)
  let isWhole = false
  source.on('data', (piece: Buffer) => {
    if (!answer.write(piece)) source.pause()
  })
  source.on('end', () => {
    isWhole = true
    answer.end()
  })
  source.on('error', () => answer.destroy())
  source.on('close', () => {
    if (!isWhole) answer.destroy()
  })
  if (answer.destroyed) source.destroy()
}
