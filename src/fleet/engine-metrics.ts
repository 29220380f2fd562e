/**
 * What an inference engine tells of itself, read from its Prometheus page or llama.cpp's list of slots: pure, and it
 * survives anything. The names are those of vLLM (old and new), SGLang, TensorRT-LLM, TGI and llama.cpp.
 */

export interface EngineReading {
  /** Requests that wait in its queue. */
  readonly waiting: number
  /** Requests that it works on. */
  readonly running: number
  /** Share of its memory for contexts that is taken, 0 to 1; null when it does not say. */
  readonly kvUsage: number | null
  /** Changes whenever the engine gets on, and says nothing else; null when there is no such number. */
  readonly progress: number | null
  /** True when `progress` changes with every step, so that one that stands still means something. */
  readonly isStepwise: boolean
  /** Answers that it has thrown out of its memory so far, to read them anew later; null when it does not say. */
  readonly preemptions: number | null
  /** Requests that it can work on at once; null when it does not say. */
  readonly slots: number | null
  /** Blocks of that memory, and tokens in each; null when it does not say. */
  readonly kvBlocks: number | null
  readonly blockTokens: number | null
}

export interface EngineGauges extends EngineReading {
  /** When it was asked and when the answer was there; monotonic. */
  readonly askedMs: number
  readonly atMs: number
  /** Calls of ours that it had then. */
  readonly ownCalls: number
}

type Field = 'waiting' | 'running' | 'kvUsage' | 'progress' | 'preemptions' | 'blockTokens' | 'kvTokens' | 'cache'

interface Meaning {
  readonly field: Field
  /** Only the series with this label. */
  readonly where?: string
  /** The number changes with every step. */
  readonly isStepwise?: true
}

const step: Meaning = { field: 'progress', isStepwise: true }
const meanings = new Map<string, readonly Meaning[]>([
  ['vllm:num_requests_waiting', [{ field: 'waiting' }]],
  ['vllm:num_requests_running', [{ field: 'running' }]],
  // A share, despite its name; the second is what it was called before version 0.9.
  ['vllm:kv_cache_usage_perc', [{ field: 'kvUsage' }]],
  ['vllm:gpu_cache_usage_perc', [{ field: 'kvUsage' }]],
  ['vllm:cache_config_info', [{ field: 'cache' }]],
  ['vllm:iteration_tokens_total_count', [step]],
  ['vllm:generation_tokens_total', [{ field: 'progress' }]],
  ['vllm:num_preemptions_total', [{ field: 'preemptions' }]],
  ['sglang:num_retracted_reqs', [{ field: 'preemptions' }]],
  ['sglang:num_queue_reqs', [{ field: 'waiting' }]],
  ['sglang:num_running_reqs', [{ field: 'running' }]],
  ['sglang:token_usage', [{ field: 'kvUsage' }]],
  ['sglang:cache_config_info', [{ field: 'cache' }]],
  ['sglang:max_total_num_tokens', [{ field: 'kvTokens' }]],
  // Counted at the end of a request, or once in some dozens of steps.
  ['sglang:generation_tokens_total', [{ field: 'progress' }]],
  ['sglang:realtime_tokens_total', [{ field: 'progress' }]],
  ['trtllm_num_requests_waiting', [{ field: 'waiting' }]],
  ['trtllm_num_requests_running', [{ field: 'running' }]],
  ['trtllm_kv_cache_utilization', [{ field: 'kvUsage' }]],
  ['trtllm_kv_cache_tokens_per_block', [{ field: 'blockTokens' }]],
  ['trtllm_request_success_total', [{ field: 'progress' }]],
  [
    'nv_trt_llm_request_metrics',
    [
      { field: 'waiting', where: 'request_type="waiting"' },
      { field: 'running', where: 'request_type="scheduled"' },
    ],
  ],
  [
    'nv_trt_llm_kv_cache_block_metrics',
    [
      { field: 'kvUsage', where: 'kv_cache_block_type="fraction"' },
      { field: 'blockTokens', where: 'kv_cache_block_type="tokens_per"' },
    ],
  ],
  ['tgi_queue_size', [{ field: 'waiting' }]],
  ['tgi_batch_current_size', [{ field: 'running' }]],
  ['tgi_batch_inference_count', [step]],
  ['llamacpp:requests_deferred', [{ field: 'waiting' }]],
  ['llamacpp:requests_processing', [{ field: 'running' }]],
  ['llamacpp:kv_cache_usage_ratio', [{ field: 'kvUsage' }]],
  ['llamacpp:n_decode_total', [step]],
])

/** A longer line, or more requests, is none of an engine's. */
const lineCharsMax = 16_384
const countMax = 1_000_000
/** No two ways to read the same digits: that of a long line of them would take seconds. */
const numberPattern = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i

/** Reads a page of metrics. Null when no line of it tells how many requests there are. */
export function readEngineMetrics(text: string): EngineReading | null {
  const tally = new Tally()
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at)
    const end = newline === -1 ? text.length : newline
    if (end - at <= lineCharsMax && text.charCodeAt(at) !== 0x23) readLine(text.slice(at, end), tally)
    at = end + 1
  }
  return tally.reading()
}

function readLine(line: string, tally: Tally): void {
  const nameEnd = line.search(/[{ \t]/)
  const found = nameEnd === -1 ? undefined : meanings.get(line.slice(0, nameEnd))
  if (!found) return
  const labelsEnd = line[nameEnd] === '{' ? closingBrace(line, nameEnd + 1) : nameEnd
  if (labelsEnd === -1) return
  const labels = line.slice(nameEnd + 1, labelsEnd)
  const [word = ''] = line
    .slice(labelsEnd + 1)
    .trim()
    .split(/\s/, 1)
  if (!numberPattern.test(word)) return // NaN and infinities are no amounts
  for (const meaning of found) {
    if (meaning.where === undefined || labels.includes(meaning.where)) tally.add(meaning, labels, Number(word))
  }
}

/** Where the labels end: the first brace outside of quotes; -1 for none. */
function closingBrace(line: string, from: number): number {
  let isQuoted = false
  for (let at = from; at < line.length; at++) {
    const char = line[at]
    if (char === '\\' && isQuoted) at++
    else if (char === '"') isQuoted = !isQuoted
    else if (char === '}' && !isQuoted) return at
  }
  return -1
}

/** What has been read so far: counts of replicas inside one server are added, those of its ranks are the same. */
class Tally {
  #counts = { waiting: new Map<string, number>(), running: new Map<string, number>() }
  #kvUsage: number | null = null
  #progress: number | null = null
  #isStepwise = false
  #preemptions: number | null = null
  #kvBlocks = new Map<string, number>()
  #kvTokens = new Map<string, number>()
  #blockTokens: number | null = null

  add({ field, isStepwise }: Meaning, labels: string, value: number): void {
    if (value < 0 || !Number.isFinite(value)) return
    if (field === 'progress') {
      this.#progress = (this.#progress ?? 0) + value
      this.#isStepwise ||= isStepwise ?? false
    } else if (field === 'preemptions') this.#preemptions = (this.#preemptions ?? 0) + value
    else if (field === 'kvUsage') {
      if (value <= 1.05) this.#kvUsage = Math.max(this.#kvUsage ?? 0, Math.min(1, value))
    } else if (field === 'blockTokens') this.#blockTokens = whole(value)
    else if (field === 'kvTokens') put(this.#kvTokens, labels, value)
    else if (field === 'cache') this.#addCache(labels)
    else if (value <= countMax) put(this.#counts[field], labels, value)
  }

  #addCache(labels: string): void {
    const blocks = Number(/\b(?:num_gpu_blocks|num_pages)="(\d{1,12})"/.exec(labels)?.[1] ?? 0)
    const size = Number(/\b(?:block_size|page_size)="(\d{1,7})"/.exec(labels)?.[1] ?? 0)
    if (blocks > 0) put(this.#kvBlocks, labels, blocks)
    if (size > 0) this.#blockTokens = size
  }

  reading(): EngineReading | null {
    const { waiting, running } = this.#counts
    if (waiting.size + running.size === 0) return null
    const kvTokens = sum(this.#kvTokens)
    const blockTokens = this.#blockTokens ?? (kvTokens > 0 ? 1 : null)
    const kvBlocks = sum(this.#kvBlocks) || Math.floor(kvTokens / (blockTokens ?? 1))
    return {
      waiting: sum(waiting),
      running: sum(running),
      kvUsage: this.#kvUsage,
      progress: this.#progress,
      isStepwise: this.#isStepwise,
      preemptions: this.#preemptions,
      slots: null,
      kvBlocks: kvBlocks || null,
      blockTokens,
    }
  }
}

/** Replicas in one server (data parallel) and models have series of their own; other labels tell the same twice. */
function put(counts: Map<string, number>, labels: string, value: number): void {
  const key = (labels.match(/\b(?:engine|dp_rank|model_name)="[^"]*"/g) ?? []).join()
  counts.set(key, Math.max(counts.get(key) ?? 0, value))
}

function sum(counts: Map<string, number>): number {
  let total = 0
  for (const value of counts.values()) total += value
  return total
}

function whole(value: number): number | null {
  return value >= 1 && value <= countMax ? Math.floor(value) : null
}

/** Reads llama.cpp's `/slots`. Null when it is no such list. */
export function readSlots(text: string): EngineReading | null {
  let slots: unknown
  try {
    slots = JSON.parse(text)
  } catch {
    return null
  }
  if (!Array.isArray(slots) || slots.length === 0 || slots.length > countMax) return null
  let running = 0
  let progress = 0
  for (const slot of slots as unknown[]) {
    const { is_processing: isProcessing, id_task: task, next_token: next } = fieldsOf(slot)
    if (typeof isProcessing !== 'boolean') return null
    if (isProcessing) running++
    // A new task begins at zero again: its number takes care that the sum changes all the same.
    progress += 1000 * numberOf(task) + numberOf(fieldsOf(Array.isArray(next) ? next[0] : next)['n_decoded'])
  }
  const memory = { kvUsage: null, preemptions: null, kvBlocks: null, blockTokens: null }
  return { waiting: 0, running, progress, isStepwise: false, slots: slots.length, ...memory }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}

/**
 * What the engine has by now: the numbers it told, and what we have sent it or got back from it since. What came since
 * runs while there are free slots and nobody waits, else it waits; who waits gets the place of who is done.
 */
export function loadNow(gauges: EngineGauges, ownCalls: number): { waiting: number; running: number } {
  const { waiting, running, slots } = gauges
  const told = Math.max(0, waiting + running + ownCalls - gauges.ownCalls)
  // A list of slots does not tell who waits for one; of ours we know.
  const total = slots !== null && running >= slots ? Math.max(told, ownCalls) : told
  const runningMax = slots ?? (waiting > 0 ? running : total)
  const runningNow = Math.min(total, Math.max(0, runningMax))
  return { waiting: total - runningNow, running: runningNow }
}
