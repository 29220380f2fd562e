/** What the stories of the resumable chat stand on: its server as a process of its own, and a browser. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Browser, chromium } from 'playwright-core'
import { patienceMs, pause } from './harness.ts'

/**
 * Resolves once it is so; looks again every few milliseconds.
 * @param progress while this goes on changing there is reason to wait, however slow the machine is.
 */
export async function eventually(
  what: string,
  isSo: () => Promise<boolean>,
  progress: () => Promise<unknown> = () => Promise.resolve(null),
): Promise<void> {
  let endMs = performance.now() + patienceMs
  let before = await progress()
  while (!(await isSo())) {
    const now = await progress()
    if (now !== before) endMs = performance.now() + patienceMs
    before = now
    if (performance.now() > endMs) assert.fail(`waited ${patienceMs} ms in vain for ${what}`)
    await pause(20)
  }
}

const readyMs = 30_000
const start = join(import.meta.dirname, '../../examples/resumable-chat/start.js')

/** The example's server with a file of chats of its own. It can be killed, and started again on the same port. */
export class ChatApp implements AsyncDisposable {
  readonly #gatewayUrl: string
  readonly #folder: string
  #child: ChildProcess | null = null
  url = ''
  /** What it has said, for whoever looks for the reason of a failure. */
  tail = ''

  private constructor(gatewayUrl: string, folder: string) {
    this.#gatewayUrl = gatewayUrl
    this.#folder = folder
  }

  static async start(gatewayUrl: string): Promise<ChatApp> {
    const app = new ChatApp(gatewayUrl, await mkdtemp(join(tmpdir(), 'holdfast-chat-')))
    await app.start()
    return app
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [start], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        HOLDFAST_URL: `${this.#gatewayUrl}/v1`,
        PORT: this.url === '' ? '0' : new URL(this.url).port,
        CHATS_FILE: join(this.#folder, 'chats.json'),
      },
    })
    this.#child = child
    child.stderr.on('data', (bytes: Buffer) => (this.tail = (this.tail + bytes.toString()).slice(-4000)))
    this.url = await new Promise<string>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the chat was not ready in time: ${this.tail}`)), readyMs)
      createInterface({ input: child.stdout }).on('line', (line) => {
        const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]
        if (url === undefined) return
        clearTimeout(late)
        resolve(url)
      })
      child.once('exit', (code) => reject(new Error(`the chat ended with ${code}: ${this.tail}`)))
    })
  }

  /** Ends it without a word. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

const places = [
  process.env['CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** A Chromium without a window, or why there is none. */
export async function openBrowser(): Promise<Browser | string> {
  const executablePath = places.find((path) => path !== undefined && existsSync(path))
  if (executablePath === undefined) return 'no Chromium here: install one, or name it in the variable CHROMIUM'
  // Root, as in a container, has no sandbox to use.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return await chromium.launch({ executablePath, args })
}
