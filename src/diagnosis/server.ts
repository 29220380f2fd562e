/** One model server as the record shows it around one call: how it did before, meanwhile and afterwards. */
import type { FaultCode } from '../fault/code.ts'
import type { AttemptFact } from '../observe/exchange-fact.ts'
import type { BreakerFact, EngineFact, UpstreamFact } from '../observe/fact.ts'

/** Where an upstream stands; what is not known is empty. */
export interface Place {
  /** The host of its URL, without a port. */
  readonly host: string
  readonly kind: string
}

export type Places = Readonly<Record<string, Place>>

/** An attempt of any call on it. */
export interface Deed {
  readonly attempt: AttemptFact
  /** Milliseconds since 1970. */
  readonly beganMs: number
  readonly endedMs: number
  /** Whether it is one of the call that is explained. */
  readonly isOwn: boolean
  /** Tokens of an answer that it gave alone, or events as far as it got; null where that is not known. */
  readonly tokens: number | null
}

export interface ServerTold {
  readonly deeds: readonly Deed[]
  readonly news: readonly (UpstreamFact | EngineFact | BreakerFact)[]
  readonly place: Place | null
  readonly beganMs: number
  readonly endedMs: number
}

/** Faults after which nobody can say that the server is there. */
const absence: ReadonlySet<FaultCode> = new Set(['HF_UPSTREAM_REFUSED', 'HF_CONNECT_TIMEOUT', 'HF_NO_ROUTE'])
/** Faults of a connection that broke while the server had work in hand. */
const broken: ReadonlySet<FaultCode> = new Set(['HF_UPSTREAM_CUT', 'HF_UPSTREAM_RESET'])
const silent: ReadonlySet<FaultCode> = new Set(['HF_FIRST_TOKEN_TIMEOUT', 'HF_UPSTREAM_STALLED'])

export class Server {
  readonly name: string
  readonly place: Place | null
  readonly news: ServerTold['news']
  /** The attempts of the call on it that failed. */
  readonly own: readonly Deed[]
  /** Attempts of other calls. */
  readonly others: readonly Deed[]
  readonly #deeds: readonly Deed[]
  readonly #beganMs: number
  readonly #endedMs: number

  constructor(name: string, told: ServerTold) {
    this.name = name
    this.place = told.place
    this.news = told.news
    this.#deeds = told.deeds
    this.own = told.deeds.filter(({ isOwn, attempt }) => isOwn && attempt.code !== null && attempt.code !== 'HF_OUTRUN')
    this.others = told.deeds.filter(({ isOwn }) => !isOwn)
    this.#beganMs = told.beganMs
    this.#endedMs = told.endedMs
  }

  /** When it failed the call; where it was not asked, when the call began. */
  get failedMs(): number {
    return this.own.at(-1)?.endedMs ?? this.#beganMs
  }

  /** It gave an answer to others before it failed this call. */
  get wasWell(): boolean {
    return (
      this.#deeds.some(({ attempt, endedMs }) => attempt.code === null && endedMs <= this.failedMs) ||
      this.news.some(({ state, atMs }) => (state === 'up' || state === 'ready') && atMs <= this.failedMs)
    )
  }

  /** Others got whole answers whose time touches that of the failure: it was at work. */
  get servedMeanwhile(): number {
    const fromMs = this.own[0]?.beganMs ?? this.#beganMs
    return this.others.filter(
      ({ attempt, beganMs, endedMs }) => attempt.code === null && beganMs < this.failedMs && endedMs > fromMs,
    ).length
  }

  /** Whole answers of others to attempts that began after the failure, within `ms`. */
  servedAfter(ms: number): number {
    return this.#deeds.filter(
      ({ attempt, beganMs }) => attempt.code === null && beganMs >= this.failedMs && beganMs <= this.failedMs + ms,
    ).length
  }

  /** It could not be reached after it had failed the call, within `ms`. */
  isGoneAfter(ms: number): boolean {
    const [fromMs, toMs] = [this.failedMs - 50, this.failedMs + ms]
    const refused = this.#deeds.some(
      ({ attempt, endedMs }) =>
        attempt.code !== null && absence.has(attempt.code) && endedMs >= fromMs && endedMs <= toMs,
    )
    return (
      refused ||
      this.news.some(
        (fact) =>
          fact.kind === 'upstream' &&
          fact.state === 'down' &&
          fact.code !== null &&
          absence.has(fact.code) &&
          fact.atMs >= fromMs &&
          fact.atMs <= toMs,
      )
    )
  }

  /** Attempts of other calls that ended so, around the failure. */
  near(codes: ReadonlySet<FaultCode>, ms: number): readonly Deed[] {
    return this.others.filter(
      ({ attempt, endedMs }) =>
        attempt.code !== null && codes.has(attempt.code) && Math.abs(endedMs - this.failedMs) <= ms,
    )
  }

  /** Connections of others that broke at the same time. */
  brokenNear(ms: number): number {
    return this.near(broken, ms).length
  }

  silentNear(ms: number): number {
    return this.near(silent, ms).length
  }

  /** Its process ended, as far as this gateway supervises it. */
  get exits(): readonly EngineFact[] {
    return this.news.filter((fact): fact is EngineFact => fact.kind === 'engine' && fact.exit !== null)
  }

  /** When it came back from being away, last before the failure; null where it did not. */
  get returnedMs(): number | null {
    const told = this.news.filter(({ kind, atMs }) => kind !== 'breaker' && atMs <= this.failedMs)
    const i = told.findLastIndex(({ state }) => state === 'up' || state === 'ready')
    const before = told[i - 1]
    return before?.state === 'down' && (before.code === null || absence.has(before.code))
      ? (told[i]?.atMs ?? null)
      : null
  }

  /**
   * It was out of use: gone by its last word, or taken out. One that is up and fails its calls stays out, whatever the
   * roll call says.
   */
  get isOut(): boolean {
    const told = this.news.filter(({ atMs }) => atMs <= this.#endedMs)
    const breaker = told.findLast(({ kind }) => kind === 'breaker')
    const last = told.findLast(({ kind }) => kind !== 'breaker')
    const isTakenOut = breaker !== undefined && breaker.state !== 'returned'
    return isTakenOut || (last !== undefined && last.state !== 'up' && last.state !== 'ready')
  }

  /** It was found gone or hung after the failure: whatever it did then, it did anew. */
  wasOutAfter(ms: number): boolean {
    return this.news.some(
      ({ state, atMs }) =>
        (state === 'down' || state === 'hung' || state === 'exited') &&
        atMs > this.failedMs + 50 &&
        atMs <= this.failedMs + ms,
    )
  }

  /** Connections to it came up no more, at the failure or soon after it. */
  isUnreachableAfter(ms: number): boolean {
    const isLate = (code: FaultCode | null, detail: string): boolean =>
      code === 'HF_CONNECT_TIMEOUT' && !hadConnection(detail)
    return (
      this.#deeds.some(
        ({ attempt, endedMs }) =>
          isLate(attempt.code, attempt.detail) && endedMs >= this.failedMs - 50 && endedMs <= this.failedMs + ms,
      ) ||
      this.news.some(
        (fact) =>
          fact.kind === 'upstream' &&
          isLate(fact.code, fact.detail) &&
          fact.atMs >= this.failedMs - 50 &&
          fact.atMs <= this.failedMs + ms,
      )
    )
  }

  /** Why it was out of use when the call began. */
  get codesBefore(): FaultCode[] {
    const told = this.news.findLast(({ atMs, code }) => code !== null && atMs <= this.#endedMs)?.code
    const failed = this.#deeds.findLast(({ attempt, endedMs }) => attempt.code !== null && endedMs <= this.#endedMs)
    const code = told ?? failed?.attempt.code
    return code ? [code] : []
  }

  /** How long whole answers took before the call, by measure; the longest are no help where one asked for more. */
  get pace(): { readonly before: Paces; readonly around: Paces } {
    const good = this.others.filter(({ attempt }) => attempt.code === null)
    const speaking = this.own.filter(({ attempt }) => attempt.firstTokenMs !== null)
    return {
      before: pacesOf(good.filter(({ endedMs }) => endedMs < this.#beganMs)),
      around: pacesOf([...good.filter(({ endedMs }) => endedMs >= this.#beganMs), ...speaking]),
    }
  }
}

/** The connection was up, or may have been: what came to nothing is what was to be said on it. */
export function hadConnection(detail: string): boolean {
  return /^(TLS handshake|no answer within)/.test(detail)
}

/** Milliseconds. */
export interface Paces {
  /** To the first token of answers that are streamed, of those that are whole. */
  readonly first: readonly number[]
  /** A token: of streams, from the first one on; and of answers in one piece, from the beginning. */
  readonly token: readonly number[]
  readonly piece: readonly number[]
  /** Whole answers, from the beginning. */
  readonly whole: readonly number[]
}

/** Fewer tokens tell nothing of a pace. */
const tokensMin = 4

function pacesOf(deeds: readonly Deed[]): Paces {
  const paces = { first: [] as number[], token: [] as number[], piece: [] as number[], whole: [] as number[] }
  for (const { attempt, tokens } of deeds) {
    const { firstTokenMs, durationMs, code } = attempt
    const isCounted = tokens !== null && tokens >= tokensMin
    if (isCounted && firstTokenMs !== null) paces.token.push((durationMs - firstTokenMs) / (tokens - 1))
    if (code !== null) continue
    if (isCounted && firstTokenMs === null) paces.piece.push(durationMs / tokens)
    if (firstTokenMs !== null) paces.first.push(firstTokenMs)
    paces.whole.push(durationMs)
  }
  return paces
}
