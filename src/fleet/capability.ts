/**
 * What each upstream is believed to be able to do for an answer that has to be gone on with: by its configuration, else
 * by its kind, and by what it refused or proved before. A wrong guess costs one refused call an hour.
 */
import type { Route } from '../dialect/call.ts'
import type { RungName } from '../dialect/seam/rung.ts'
import type { Clock } from '../ground/clock.ts'
import type { Upstream } from './upstream.ts'
import type { UpstreamKind } from './upstream-kind.ts'

const anyoneCan = ['regenerate', 'ask-again', 'ask-rest'] as const satisfies readonly RungName[]

/** What kinds can beyond asking them again. */
const byKind: Readonly<Partial<Record<UpstreamKind, readonly RungName[]>>> = {
  vllm: ['token-exact', 'prefill'],
  sglang: ['token-exact', 'prefill'],
  llamacpp: ['token-exact', 'prefill'],
  tgi: ['prefill'],
  ollama: ['prefill'],
  mistral: ['prefix-flag'],
  deepseek: ['prefix-flag'],
}

/** Kinds that tell the ids of the tokens in a stream (`return_token_ids`). */
const idTellers: ReadonlySet<UpstreamKind> = new Set(['vllm', 'sglang'])

/** A refusal is believed for so long; the server may be another version by then. */
const refusedMs = 3_600_000
/** Most findings kept; the oldest are forgotten. */
const findingsMax = 4096

/** Statuses by which servers say that they do not know a way of asking. */
const refusalStatuses: ReadonlySet<number> = new Set([400, 404, 405, 415, 422, 501])

/** Whether this status, to a call that goes on with an answer, speaks against the way and not against the server. */
export function isRefusal(status: number | null): boolean {
  return status !== null && refusalStatuses.has(status)
}

type Known = Pick<Upstream, 'name' | 'kind' | 'options'>

export type Standing = 'configured' | 'proven' | 'believed' | 'refused' | 'unknown'

export class Capabilities {
  #clock: Clock
  /** By upstream, model and rung: until when it counts as refused, or null for proven. */
  #findings = new Map<string, number | null>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The ways that may be tried there now. `model` is its name at the upstream. */
  rungs(upstream: Known, model: string, route: Route): ReadonlySet<RungName> {
    const names: readonly RungName[] = ['token-exact', 'prefill', 'prefix-flag', ...anyoneCan]
    return new Set(
      names.filter((name) => !['refused', 'unknown'].includes(this.standing(upstream, model, route, name))),
    )
  }

  standing(upstream: Known, model: string, route: Route, rung: RungName): Standing {
    const found = this.#findings.get(toKey(upstream, model, route, rung))
    if (found !== undefined && found !== null && found > this.#clock.monotonicMs()) return 'refused'
    const { continues } = upstream.options
    if (continues) return continues.includes(rung) || rung === 'regenerate' ? 'configured' : 'unknown'
    if (found === null) return 'proven'
    return believed(upstream.kind, model, route).includes(rung) ? 'believed' : 'unknown'
  }

  /** It refused this way, or what it gave did not fit: it is not asked so for an hour. */
  refuse(upstream: Known, model: string, route: Route, rung: RungName): void {
    if (rung !== 'regenerate') this.#note(toKey(upstream, model, route, rung), this.#clock.monotonicMs() + refusedMs)
  }

  /** It went on so, and what it gave fitted. */
  prove(upstream: Known, model: string, route: Route, rung: RungName): void {
    this.#note(toKey(upstream, model, route, rung), null)
  }

  /** It can be asked for the ids of its tokens. */
  tellsTokenIds({ kind, options }: Known): boolean {
    return idTellers.has(kind) && (options.continues?.includes('token-exact') ?? true)
  }

  #note(key: string, finding: number | null): void {
    this.#findings.delete(key)
    this.#findings.set(key, finding)
    const [oldest] = this.#findings.keys()
    if (this.#findings.size > findingsMax && oldest !== undefined) this.#findings.delete(oldest)
  }
}

function toKey({ name }: Known, model: string, route: Route, rung: RungName): string {
  return JSON.stringify([name, model, route, rung])
}

function believed(kind: UpstreamKind, model: string, route: Route): readonly RungName[] {
  const own = kind === 'anthropic' && takesPrefill(model) ? (['prefill'] as const) : (byKind[kind] ?? [])
  // To a plain prompt text can be added everywhere.
  return [...own, ...(route === 'completions' ? (['prefill'] as const) : []), ...anyoneCan]
}

/** Claude takes a last assistant message up to version 4.5, and none since 4.6. */
function takesPrefill(model: string): boolean {
  const [, old, major, minor] =
    /claude-(?:([123])\b|instant|(?:opus|sonnet|haiku)-(\d+)(?:-(\d{1,2}))?(?!\d))/.exec(model) ?? []
  if (old !== undefined || model.startsWith('claude-instant')) return true
  return major !== undefined && Number(major) * 100 + Number(minor ?? 0) <= 405
}

export interface PrefillProbe {
  /** The body of a chat call, not streamed. */
  readonly body: Buffer
  /** Whether the answer's body shows that the last assistant message was gone on with. */
  isContinued(answer: Buffer): boolean
}

/** Finds out what an unknown server does with a last assistant message: one that goes on with it gives itself away. */
export function probePrefill(model: string): PrefillProbe {
  const messages = [
    { role: 'user', content: 'Count from one to six in English words, separated by commas.' },
    { role: 'assistant', content: 'one, two, three, f' },
  ]
  return {
    body: Buffer.from(JSON.stringify({ model, messages, max_tokens: 8, temperature: 0 })),
    isContinued: (answer) => /^our\b/.test(contentOf(answer)),
  }
}

function contentOf(answer: Buffer): string {
  try {
    const { choices } = JSON.parse(answer.toString()) as { choices?: { message?: { content?: unknown } }[] }
    const content = choices?.[0]?.message?.content
    return typeof content === 'string' ? content : ''
  } catch {
    return ''
  }
}
