/** Images: whether one is there, and its fetch, once however many ask. */
import { DriverFault } from '../driver-fault.ts'
import type { DockerEngine, Query } from './docker-engine.ts'

/** Progress is told at most so often per image, by count of lines of the engine. */
const linesPerWord = 200
/** Large images from slow registries take long; one that stands still ends at some time. */
const fetchMs = 2 * 3600_000

export class DockerImages implements Disposable {
  #engine: DockerEngine
  #onProgress: ((image: string, line: string) => void) | undefined
  #fetches = new Map<string, Promise<void>>()
  #end = new AbortController()

  constructor(engine: DockerEngine, onProgress: ((image: string, line: string) => void) | undefined) {
    this.#engine = engine
    this.#onProgress = onProgress
  }

  async has(image: string): Promise<boolean> {
    return (await this.#engine.ask({ path: `/images/${encodeURIComponent(image)}/json`, orElse: [404] })) !== null
  }

  /** @throws DriverFault with what the registry said */
  async fetch(image: string): Promise<void> {
    const running = this.#fetches.get(image)
    if (running) return await running
    const work = this.#fetch(image).finally(() => this.#fetches.delete(image))
    this.#fetches.set(image, work)
    await work
  }

  [Symbol.dispose](): void {
    this.#end.abort()
  }

  async #fetch(image: string): Promise<void> {
    let lines = 0
    let failure: string | null = null
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(fetchMs)])
    const { name, tag } = nameAndTag(image)
    const question = { method: 'POST', path: '/images/create', query: { fromImage: name, tag } } as const
    const onLine = (line: Query): void => {
      if (typeof line['error'] === 'string') failure = line['error']
      if (lines++ % linesPerWord === 0) this.#onProgress?.(image, textOf(line))
    }
    await this.#engine.follow(question, onLine, signal).catch((error: unknown) => {
      if (!(error instanceof DriverFault) || error.kind === 'away') throw error
      failure = error.message
    })
    if (failure === null && signal.aborted) failure = 'it took too long, or was given up'
    // The status of the answer is 200 whatever comes of it.
    if (failure !== null)
      throw new DriverFault(
        'refused',
        `the image ${image} cannot be fetched: ${failure}`,
        'see its name and the registry’s login',
      )
  }
}

function textOf({ status, id, progress }: Query): string {
  return [id, status, progress].filter((part) => typeof part === 'string' && part !== '').join(' ')
}

/** A colon behind the last slash begins the tag; without a tag Docker would fetch all of them. */
export function nameAndTag(image: string): { name: string; tag: string } {
  if (image.includes('@')) return { name: image, tag: '' }
  const colon = image.indexOf(':', image.lastIndexOf('/') + 1)
  return colon === -1 ? { name: image, tag: 'latest' } : { name: image.slice(0, colon), tag: image.slice(colon + 1) }
}
