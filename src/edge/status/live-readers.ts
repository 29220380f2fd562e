/** Browsers that have the page open. They are told when there is a new version, and nothing else. */
import type { ServerResponse } from 'node:http'

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'access-control-allow-origin': '*',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
}
/** One who has not taken so much is gone, or as good as gone. */
const behindBytesMax = 4096

export class LiveReaders {
  #readers = new Set<ServerResponse>()
  /** More are not taken; those that are there stay. */
  countMax: number

  constructor(countMax: number) {
    this.countMax = countMax
  }

  get count(): number {
    return this.#readers.size
  }

  /** Whether there was room for it. */
  add(response: ServerResponse, version: string): boolean {
    if (this.#readers.size >= this.countMax) return false
    this.#readers.add(response)
    response.once('close', () => this.#readers.delete(response))
    response.on('error', () => {})
    response.writeHead(200, headers)
    response.write(`retry: 5000\n${words(version)}`)
    return true
  }

  tell(version: string): void {
    this.#write(words(version))
  }

  /** Keeps what lies between from closing a silent connection, and finds those who are gone. */
  beat(): void {
    this.#write(':\n\n')
  }

  close(): void {
    for (const reader of this.#readers) reader.destroy()
  }

  #write(text: string): void {
    for (const reader of this.#readers) {
      if (reader.writableLength > behindBytesMax) reader.destroy()
      else reader.write(text)
    }
  }
}

const words = (version: string): string => `event: version\ndata: ${version}\n\n`
