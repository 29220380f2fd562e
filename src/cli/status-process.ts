/** The supervisor's end of the process that serves the public page: starts it, tells it of news, replaces it. */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { Config } from '../config.ts'
import type { Log } from '../observe/log.ts'
import type { PageOptions } from '../status/page/page-options.ts'
import { withoutPassword } from '../status/subscription/far-desk.ts'
import { offered } from '../status/subscription/subscription-options.ts'
import { compileCache } from './compile-cache.ts'
import type { StatusPageOrder, StatusPageOrderWord, StatusPageWord } from './status-page.ts'

const restartMs = 200
const restartMsMax = 10_000
const youngMs = 3000
/** It tells every second that it is there; one that has not for so long hangs. */
const hungMs = 20_000
const watchMs = 2000
const endMs = 2000
/** What faces everyone has no secrets in its environment. */
const inherited = ['PATH', 'TZ', 'LANG', 'NODE_OPTIONS', 'SystemRoot'] as const

/** What visitors of the page want of the gateway, such as letters; null: nobody answers. Data that goes by JSON. */
export type OnQuestion = (question: unknown) => Promise<unknown>

interface StatusProcessParts {
  readonly log: Log
  readonly onQuestion: OnQuestion
}

function orderOf(
  { page, subscriptions: asked }: Config['status'],
  folder: string,
): Omit<StatusPageOrder, 'ownerFile' | 'owner'> {
  const subscriptions = offered(asked).length === 0 ? null : withoutPassword(asked)
  const { host, port = 0, maxAgeSeconds, connectionsMax, readersMax, languages, staleMinutes } = page
  const served = { host, port, maxAgeSeconds, connectionsMax, readersMax, languages }
  return { ...served, folder, staleMinutes, subscriptions }
}

export class StatusProcess implements AsyncDisposable {
  /** Where it serves; null until it does. */
  url: string | null = null
  #order: StatusPageOrder
  /** Where it was asked to be. */
  #asked: Pick<PageOptions, 'host' | 'port'>
  #log: Log
  #onQuestion: OnQuestion
  #child: ChildProcess | null = null
  #heardMs = 0
  #diedInRow = 0
  #isClosing = false
  #timer: NodeJS.Timeout
  #first = Promise.withResolvers<string>()

  /** `folder`: where the files are. Only for a page that has a port. */
  constructor(
    { stateDir, status }: Pick<Config, 'stateDir' | 'status'>,
    folder: string,
    { log, onQuestion }: StatusProcessParts,
  ) {
    const ownerFile = join(stateDir, 'status-page.owner')
    const owner = `${process.pid}-${Date.now()}`
    this.#asked = status.page
    this.#order = { ...orderOf(status, folder), ownerFile, owner }
    this.#log = log
    this.#onQuestion = onQuestion
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
    writeFileSync(ownerFile, `${owner}\n`)
    this.#first.promise.catch(() => {})
    this.#open()
    let lookedMs = performance.now()
    this.#timer = setInterval(() => {
      const isLate = performance.now() - lookedMs > 2 * watchMs
      lookedMs = performance.now()
      // After a pause of our own, what it said meanwhile has yet to be read.
      if (!isLate && this.url !== null && performance.now() - this.#heardMs > hungMs) this.#child?.kill('SIGKILL')
    }, watchMs)
    this.#timer.unref()
  }

  /** Resolves with where it serves, the first time that it does; which a port that is taken may delay for long. */
  get listening(): Promise<string> {
    return this.#first.promise
  }

  get port(): number {
    return this.#order.port
  }

  /** Whether these settings ask for it where it is. */
  isAt({ host, port }: Pick<PageOptions, 'host' | 'port'>): boolean {
    return host === this.#asked.host && port === this.#asked.port
  }

  /** Other settings at the same address: taken over without a pause. */
  use({ status }: Pick<Config, 'status'>, folder: string): void {
    const { port, ownerFile, owner } = this.#order
    this.#order = { ...orderOf(status, folder), port, ownerFile, owner }
    this.#tell({ event: 'use', order: this.#order })
  }

  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  /** There is a new version in the folder. */
  tellWritten(): void {
    this.#tell({ event: 'written' })
  }

  /** Ends it: a gateway that was told to stop has no page. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true
    clearInterval(this.#timer)
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    this.#tell({ event: 'end' })
    const late = setTimeout(() => child.kill('SIGKILL'), endMs)
    await gone
    clearTimeout(late)
  }

  /** The same without waiting, for a gateway that is told to stop at once. */
  endNow(): void {
    this.#isClosing = true
    this.#child?.kill('SIGTERM')
  }

  async #answer(question: unknown): Promise<void> {
    const answer = await this.#onQuestion(question).catch(() => null)
    if (answer !== null) this.#tell({ event: 'answer', answer })
  }

  #tell(word: StatusPageOrderWord): void {
    if (this.#child?.connected) this.#child.send(word, () => {})
  }

  #open(): void {
    const env = Object.fromEntries(inherited.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))
    const program = join(import.meta.dirname, `holdfast${extname(import.meta.filename)}`)
    const bornMs = performance.now()
    const child = fork(program, [], {
      env: { ...env, ...compileCache(), HOLDFAST_STATUS: JSON.stringify(this.#order) },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#child = child
    this.#heardMs = bornMs
    child.on('message', (word: StatusPageWord) => {
      this.#heardMs = performance.now()
      if (word.event === 'question') void this.#answer(word.question)
      if (word.event === 'failed') this.#log.error({ detail: word.message }, 'the status page cannot be served')
      if (word.event !== 'listening') return
      if (this.url === null) this.#log.info({ url: word.url }, 'the status page is served')
      this.url = word.url
      // The port that the system chose stays the page's.
      this.#order = { ...this.#order, port: Number(new URL(word.url).port) || this.#order.port }
      this.#first.resolve(word.url)
    })
    let isLost = false
    const lose = (how: string): void => {
      if (isLost) return
      isLost = true
      this.#lose(how, performance.now() - bornMs)
    }
    child.on('error', (error) => child.pid === undefined && lose(error.message))
    child.once('exit', (code, signal) => lose(signal ?? String(code)))
  }

  #lose(how: string, ageMs: number): void {
    this.#child = null
    if (this.#isClosing) return
    this.#diedInRow = ageMs < youngMs ? this.#diedInRow + 1 : 0
    const waitMs = Math.min(restartMsMax, restartMs * 2 ** Math.max(0, this.#diedInRow - 1))
    this.#log.error({ how, waitMs }, 'the process of the status page died and is replaced')
    setTimeout(() => !this.#isClosing && this.#open(), waitMs).unref()
  }
}
