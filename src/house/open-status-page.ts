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
}

interface PressWishes {
  readonly folder: string
  /** Whether letters can be asked for at `/subscribe`. */
  readonly canSubscribe: boolean
  /** What of the feeds people are pointed to. */
  readonly feeds: readonly { readonly path: string; readonly name: string }[]
}

/** Settings of the page with all that they name: its logo, words and secrets. */
export interface PressSettings extends PressWishes {
  readonly options: PageOptions
  readonly look: Look
  readonly languages: readonly Words[]
}

/** @throws {ConfigError} when the logo, words or a secret cannot be read. */
export function readPress({ bucket, ...page }: PageOptions, wishes: PressWishes): PressSettings {
  const secret = (name: 'accessKey' | 'secretKey', spelling: string): string =>
    readSecret(spelling, `status.page.bucket.${name}`)
  const resolved = bucket && {
    ...bucket,
    accessKey: secret('accessKey', bucket.accessKey),
    secretKey: secret('secretKey', bucket.secretKey),
  }
  return { ...wishes, options: { ...page, bucket: resolved }, look: lookOf(page), languages: languagesOf(page) }
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
  #settings: PressSettings
  #folder: SnapshotFolder
  #bucket: BucketCopy | null
  #renewal = new Renewal()
  #writing: Promise<void> | null = null
  #isBroken = false
  #timers = new DisposableStack()

  constructor(settings: PressSettings, parts: PagePressParts) {
    this.#parts = parts
    this.#settings = settings
    this.#folder = new SnapshotFolder(settings.folder)
    this.#bucket = openBucket(settings.options, parts)
    this.#timers.use(parts.clock.every(lookMs, () => this.press()))
    this.press()
  }

  /** Other settings from now on; what is written just now is written by the old ones. */
  use(settings: PressSettings): void {
    const { folder, options: before } = this.#settings
    const { options } = settings
    this.#settings = settings
    if (settings.folder !== folder) this.#folder = new SnapshotFolder(settings.folder)
    const isOtherCopy = JSON.stringify(options.bucket) !== JSON.stringify(before.bucket)
    if (isOtherCopy || options.maxAgeSeconds !== before.maxAgeSeconds) {
      void this.#bucket?.close()
      this.#bucket = openBucket(options, this.#parts)
    }
    this.#renewal = new Renewal()
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
    const { makers } = this.#parts
    const { options, look, languages, feeds, canSubscribe } = this.#settings
    const { staleMinutes } = options
    const setting = { languages, staleMinutes, feeds, canSubscribe, logo: look.logo }
    return [...look.files, ...pageFiles(view, setting), ...makers.flatMap((make) => make(view))]
  }
}

function lookOf(options: Pick<PageOptions, 'logo' | 'accent'>): Look {
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
function languagesOf(options: Pick<PageOptions, 'languages' | 'words'>): Words[] {
  try {
    return readLanguages(options)
  } catch (error) {
    const cure = 'The guide to the status page says what stands in such a file.'
    throw new ConfigError([
      { place: 'status.page', field: 'status.page.words', message: (error as Error).message, cure },
    ])
  }
}

/** With the secrets themselves. */
function openBucket({ bucket, maxAgeSeconds }: PageOptions, { clock, random, log }: PagePressParts): BucketCopy | null {
  if (bucket === undefined) return null
  return new BucketCopy({
    ...{ clock, random, log, periodMs: bucket.periodMs, maxAgeSeconds },
    put: (object) => putObject(bucket, object, clock.nowMs()),
  })
}
