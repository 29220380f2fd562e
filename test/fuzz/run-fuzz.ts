/** Fuzzes readers in a thread, and ends it when one of them hangs. */
import { Worker } from 'node:worker_threads'
import type { FuzzResult } from './fuzz-target.ts'

export interface FuzzPlan {
  /** Of the targets. */
  readonly names: readonly string[]
  readonly seed: number
  /** Of each target, whichever comes first. */
  readonly inputsMax: number
  readonly msMax: number
  readonly measures: boolean
  readonly onResult?: (result: FuzzResult) => void
}

export interface ThreadOrder extends Omit<FuzzPlan, 'onResult'> {
  /** A count of inputs, the length of the last one, and its bytes. */
  readonly shared: SharedArrayBuffer
}

type Word = { readonly begun: string } | { readonly result: FuzzResult }

/** One input may take so long; generous, since the machine may be busy. */
const hangMs = 60_000
const lookMs = 2000
const inputBytesMax = 64 * 1024

export async function runFuzz({ onResult, ...plan }: FuzzPlan): Promise<FuzzResult[]> {
  const results: FuzzResult[] = []
  let left = [...plan.names]
  while (left.length > 0) {
    const { hung, done } = await runThread({ ...plan, names: left }, onResult)
    results.push(...done)
    if (hung) results.push(hung)
    if (hung) onResult?.(hung)
    const over = new Set(results.map(({ name }) => name))
    left = hung ? left.filter((name) => !over.has(name)) : []
  }
  return results
}

async function runThread(
  plan: Omit<FuzzPlan, 'onResult'>,
  onResult: FuzzPlan['onResult'],
): Promise<{ done: FuzzResult[]; hung: FuzzResult | null }> {
  const shared = new SharedArrayBuffer(8 + inputBytesMax)
  const workerData: ThreadOrder = { ...plan, shared }
  // Readers of YAML warn on the process; what they say is not ours to show.
  const thread = new Worker(new URL('fuzz-thread.ts', import.meta.url), { workerData, stderr: true })
  const done: FuzzResult[] = []
  let name = plan.names[0] ?? ''
  thread.on('message', (word: Word) => {
    if ('begun' in word) name = word.begun
    else {
      done.push(word.result)
      onResult?.(word.result)
    }
  })
  const ended = Promise.withResolvers<FuzzResult | null>()
  thread.once('exit', () => ended.resolve(null))
  thread.once('error', (error) => ended.resolve(lost(name, `the thread ended: ${String(error)}`, shared)))
  let [count, sinceMs] = [-1, performance.now()]
  const timer = setInterval(() => {
    const now = Atomics.load(new Int32Array(shared, 0, 2), 0)
    if (now !== count) [count, sinceMs] = [now, performance.now()]
    else if (performance.now() - sinceMs > hangMs) ended.resolve(lost(name, `it hangs (${hangMs / 1000} s)`, shared))
  }, lookMs)
  const hung = await ended.promise
  clearInterval(timer)
  await thread.terminate()
  return { done, hung }
}

/** What is known of a reader that cannot tell itself. */
function lost(name: string, words: string, shared: SharedArrayBuffer): FuzzResult {
  const [inputs = 0, length = 0] = new Int32Array(shared, 0, 2)
  const bytes = Buffer.from(new Uint8Array(shared, 8, Math.min(length, inputBytesMax)))
  const finding = `${words}\n    input (${length} bytes): ${JSON.stringify(bytes.subarray(0, 600).toString('latin1'))}`
  return { name, inputs, outcomes: 0, slowestMs: Number.POSITIVE_INFINITY, growth: 0, heapMib: 0, findings: [finding] }
}
