/**
 * The public page as files: made of each view that tells something new, written into its folder and copied into a
 * bucket. In the supervisor; whoever serves the folder needs nothing of us.
 */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { readPage } from '../edge/page.ts'
import type { Clock } from '../ground/clock.ts'
import { ConfigError } from '../ground/config-error.ts'
import type { Random } from '../ground/random.ts'
import type { Log } from '../observe/log.ts'
import { BucketCopy } from '../status/page/bucket-copy.ts'
import { type Look, readLanguages, readLook } from '../status/page/look-files.ts'
import type { FileMaker, PageFile } from '../status/page/page-file.ts'
import { pageFiles } from '../status/page/page-files.ts'
import type { PageOptions } from '../status/page/page-options.ts'
import { putObject } from '../status/page/put-object.ts'
import { Renewal } from '../status/page/renewal.ts'
import { SnapshotFolder } from '../status/page/snapshot-folder.ts'
import type { Words } from '../status/page/words/en.ts'
import type { StatusView } from '../status/status-view.ts'
import { readSecret } from './secrets.ts'

const lookMs = 1000

export interface PagePressParts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly view: () => StatusView
  /** Feeds and the like, beside the pages. */
  readonly makers: readonly FileMaker[]
  /** Whether letters can be asked for at `/subscribe`. */
  readonly canSubscribe: boolean
  /** What of these people are pointed to. */
  readonly feeds: readonly { readonly path: string; readonly name: string }[]
}

/** Where the page is written; null where nobody wants it. */
export function pageFolder({ stateDir, status: { page } }: Pick<Config, 'stateDir' | 'status'>): string | null {
  if (page.folder !== undefined) return page.folder
  return page.port === undefined && page.bucket === undefined ? null : join(stateDir, 'status')
}

export class PagePress implements AsyncDisposable {
  /** Called with each version that was written. */
  onWritten: (version: string) => void = () => {}
  #parts: PagePressParts
  #options: PageOptions
  #look: Look
  #languages: readonly Words[]
  #folder: SnapshotFolder
  #bucket: BucketCopy | null
  #renewal = new Renewal()
  #writing: Promise<void> | null = null
  #isBroken = false
  #timers = new DisposableStack()

  /** @throws {ConfigError} when the logo, words or a secret cannot be read. */
  constructor(options: PageOptions, folder: string, parts: PagePressParts) {
    this.#parts = parts
    this.#options = options
    this.#look = lookOf(options)
    this.#languages = languagesOf(options)
    this.#folder = new SnapshotFolder(folder)
    this.#bucket = openBucket(options, parts)
    this.#timers.use(parts.clock.every(lookMs, () => this.press()))
    this.press()
  }

  /** Looks whether there is something new, and makes files of it in the background. */
  press(): void {
    if (this.#writing) return
    const view = this.#parts.view()
    if (!this.#renewal.isDue(view, this.#parts.clock.monotonicMs())) return
    this.#writing = this.#write(view).finally(() => (this.#writing = null))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timers.dispose()
    await this.#writing
    await this.#bucket?.close()
  }

  async #write(view: StatusView): Promise<void> {
    const { log } = this.#parts
    try {
      const files = this.#make(view)
      this.#bucket?.copy(files)
      const { version } = await this.#folder.write(files, view.updatedMs)
      this.#isBroken = false
      this.onWritten(version)
    } catch (error) {
      this.#renewal.failed()
      if (!this.#isBroken) log.warn({ detail: String(error) }, 'the status page cannot be written')
      this.#isBroken = true
    }
  }

  #make(view: StatusView): PageFile[] {
    const { makers, feeds, canSubscribe } = this.#parts
    const { staleMinutes } = this.#options
    const setting = { languages: this.#languages, staleMinutes, feeds, canSubscribe, logo: this.#look.logo }
    return [...this.#look.files, ...pageFiles(view, setting), ...makers.flatMap((make) => make(view))]
  }
}

function lookOf(options: PageOptions): Look {
  try {
    return readLook(options, readPage)
  } catch (error) {
    const cure = 'Name a picture that this process may read, or leave `status.page.logo` away.'
    throw new ConfigError([
      { place: 'status.page', field: 'status.page.logo', message: (error as Error).message, cure },
    ])
  }
}

/** @throws {ConfigError} for words of the operator's own that cannot be used. */
function languagesOf(options: PageOptions): Words[] {
  try {
    return readLanguages(options)
  } catch (error) {
    const cure = 'The guide to the status page says what stands in such a file.'
    throw new ConfigError([
      { place: 'status.page', field: 'status.page.words', message: (error as Error).message, cure },
    ])
  }
}

function openBucket({ bucket, maxAgeSeconds }: PageOptions, { clock, random, log }: PagePressParts): BucketCopy | null {
  if (bucket === undefined) return null
  const secret = (name: 'accessKey' | 'secretKey'): string => readSecret(bucket[name], `status.page.bucket.${name}`)
  const resolved = { ...bucket, accessKey: secret('accessKey'), secretKey: secret('secretKey') }
  return new BucketCopy({
    ...{ clock, random, log, periodMs: bucket.periodMs, maxAgeSeconds },
    put: (object) => putObject(resolved, object, clock.nowMs()),
  })
}
