/** An application beside the models, in a thread of its own: its pages take their time, a few at once, others wait. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'

/** How long it works on a page, and how many it has in hand at once. */
export const pageMs = 20
export const pagesAtOnce = 8

export class PageApp implements AsyncDisposable {
  readonly url: string
  #thread: Worker

  private constructor(thread: Worker, url: string) {
    this.#thread = thread
    this.url = url
  }

  static async open(): Promise<PageApp> {
    const thread = new Worker(new URL(import.meta.url))
    const [port] = (await once(thread, 'message')) as [number]
    return new PageApp(thread, `http://127.0.0.1:${port}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.terminate()
  }
}

if (!isMainThread && parentPort) {
  const parent = parentPort
  let free = pagesAtOnce
  const line: (() => void)[] = []
  const server = createServer((_request, response) => {
    const serve = (): void => {
      free--
      setTimeout(() => {
        free++
        response.end('a page: you said hi')
        line.shift()?.()
      }, pageMs)
    }
    if (free > 0) serve()
    else line.push(serve)
  })
  server.listen(0, '127.0.0.1', () => parent.postMessage((server.address() as AddressInfo).port, []))
}
