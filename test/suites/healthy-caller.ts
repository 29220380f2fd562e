/** Somebody who asks as he always does while others attack: how his calls went, and how long they took. */
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const body = '{"model":"m","messages":[{"role":"user","content":"hi"}]}'
const patienceMs = 10_000

export interface Health {
  readonly calls: number
  readonly failures: readonly string[]
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface Asking {
  readonly port: number
  /** An address of 127.0.0.0/8. */
  readonly from: string
  readonly key?: string
  /** Calls at once, and the pause between two of the same lane. */
  readonly lanes: number
  readonly everyMs: number
  /** Whether each call comes over a connection of its own. */
  readonly isAnew?: boolean
  /** A page to visit, in the place of calls. */
  readonly page?: string
}

/** In a thread of its own: what the attackers of this process do is no delay of his. */
export class HealthyCaller {
  #thread: Worker

  constructor(asking: Asking) {
    this.#thread = new Worker(new URL(import.meta.url), { workerData: asking })
  }

  /** How the calls were since the last time. */
  async tell(): Promise<Health> {
    const told = once(this.#thread, 'message')
    this.#thread.postMessage('tell', [])
    return ((await told) as [Health])[0]
  }

  /** Ends, and tells how it was. */
  async end(): Promise<Health> {
    const health = await this.tell()
    await this.#thread.terminate()
    return health
  }
}

if (!isMainThread && parentPort) {
  const asking = workerData as Asking
  const agent = new Agent({ keepAlive: asking.isAnew !== true })
  let times: number[] = []
  let failures: string[] = []
  const lane = async (): Promise<never> => {
    for (;;) {
      const beganMs = performance.now()
      const failure = await askOnce(asking, agent)
      times.push(performance.now() - beganMs)
      if (failure !== null) failures.push(failure)
      await sleep(asking.everyMs)
    }
  }
  for (let i = 0; i < asking.lanes; i++) void lane()
  const port = parentPort
  port.on('message', () => {
    const sorted = times.toSorted((a, b) => a - b)
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
    port.postMessage({ calls: sorted.length, failures, p50Ms: at(0.5), p99Ms: at(0.99) } satisfies Health)
    times = []
    failures = []
  })
}

/** What went wrong; null for a good answer. */
function askOnce({ port, from, key, page }: Asking, agent: Agent): Promise<string | null> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json', ...(key !== undefined && { authorization: `Bearer ${key}` }) }
    const target = page === undefined ? { path: '/v1/chat/completions', method: 'POST' } : { path: page, method: 'GET' }
    const where = { port, host: '127.0.0.1', localAddress: from, ...target }
    const asked = request({ ...where, agent, headers, timeout: patienceMs }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      answer.on('end', () =>
        resolve(text.includes('you said hi') ? null : `${answer.statusCode} ${text.slice(0, 200)}`),
      )
      answer.on('error', (error) => resolve(error.message))
    })
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')))
    asked.on('error', (error) => resolve(error.message))
    asked.end(page === undefined ? body : undefined)
  })
}
