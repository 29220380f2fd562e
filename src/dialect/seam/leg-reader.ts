/** Reads the answer of a leg: through the translation into the caller's language, into pieces, over the seam. */
import { Fault } from '../../fault/fault.ts'
import type { Usage } from '../call.ts'
import type { EventSink, StreamReader, Translation } from '../translation.ts'
import { finishWords } from './finish-words.ts'
import { openWriter, type AnswerWriter } from './answer-writer.ts'
import { readAside, toAside, toMark, type SeamNote } from './aside.ts'
import type { ContinuedCall } from './continued-call.ts'
import { joinUsage } from './join-usage.ts'
import { AgainJoiner, RestJoiner, type Joiner } from './joiner.ts'
import { JsonHold } from './json-hold.ts'
import { saidText } from './ladder.ts'
import { openPieces, type PartialAnswer } from './partial-answer.ts'
import type { Piece, PieceReader, PieceSink } from './piece.ts'
import type { Rung } from './rung.ts'
import { StopMatcher } from './stop-matcher.ts'
import { EchoStrip, OverlapStrip } from './text-strip.ts'
import type { Wishes } from './wishes.ts'

/** The answer was as long as it might be, in the words of each language. */
const limitReasons: ReadonlySet<string> = new Set(['length', 'max_tokens', 'max_output_tokens'])

export interface LegOrder {
  readonly partial: PartialAnswer
  readonly rung: Rung
  readonly continued: ContinuedCall
  readonly wishes: Wishes
  readonly note: SeamNote
  readonly marksSeams: boolean
  /** The kind of the upstream. */
  readonly kind: string
}

export class LegReader implements StreamReader {
  hasContent = false
  failure: Fault | null = null
  #order: LegOrder
  #emit: EventSink
  #inner: StreamReader
  #pieces: PieceReader
  #joiner: Joiner
  #hold: JsonHold | null
  #stops: StopMatcher
  #writer: AnswerWriter
  #kind: (Piece & { is: 'open' })['kind'] | null
  /** The answer has been ended by us: what still comes is not told. */
  #isStopped = false
  #isFinished = false
  #finishReason: string | null = null
  /** Tokens that may still be told where the upstream cannot count them, having been asked for some of them again. */
  #tokensLeft: number
  /** Ids of tokens that have come and whose text has not been told yet. */
  #tokens: number[] = []
  #prompt: { readonly ids: readonly number[]; readonly model: string } | null = null
  #hasAllTokens = true
  #isNoted = false

  constructor(inner: Translation, order: LegOrder, emit: EventSink) {
    const { partial, rung, continued, wishes, note } = order
    this.#order = order
    this.#emit = emit
    this.#inner = inner.streamReader((event, aside) => this.#hear(event, aside))
    this.#pieces = openPieces(continued.call.route, (piece) => this.#take(piece))
    const last = partial.parts.at(-1)
    this.#kind = last?.isOpen ? last.kind : null
    const text = saidText(partial) ?? ''
    this.#hold = rung.leavesSchema ? new JsonHold(text, (piece) => this.#match(piece)) : null
    const hold = this.#hold
    this.#joiner = openJoiner(order, hold ? (piece) => hold.take(piece) : (piece) => this.#match(piece))
    this.#stops = new StopMatcher(wishes.stops, last?.kind === 'text' ? last.text : '', wishes.keepsStop)
    const isCounted = rung.name !== 'ask-rest' || wishes.tokensMax === null
    this.#tokensLeft = isCounted ? Infinity : (wishes.tokensMax ?? 0) - partial.tokenCount
    const mark = order.marksSeams ? toMark(note) : null
    this.#writer = openWriter(partial, { wantsUsage: wishes.wantsUsage, mark }, (event) => this.#tell(event))
  }

  /** Some translations tell the finish only at the end, when they have seen the counts: then theirs is the word. */
  get isComplete(): boolean {
    return this.#isFinished || (this.failure === null && this.#inner.isComplete)
  }
  get isEnded(): boolean {
    return this.#isStopped || this.#inner.isEnded
  }
  /** Counts of the whole answer as the caller is to see them. */
  get usage(): Usage | null {
    return joinUsage(this.#order.partial, this.#order.rung, this.#inner.usage)
  }
  /** What this leg alone has cost. */
  get spent(): Usage | null {
    return this.#inner.usage
  }
  get finishReason(): string | null {
    return this.#finishReason
  }
  get contentCount(): number {
    return this.#inner.contentCount
  }
  get malformedCount(): number {
    return this.#inner.malformedCount
  }

  read(event: Buffer): void {
    if (this.failure || this.isEnded) return
    this.#inner.read(event)
    this.failure ??= this.#inner.failure
  }

  end(): void {
    if (this.failure || !this.isComplete) return
    if (!this.#isStopped) this.#inner.end()
    if (this.#isFinished) this.#writer.end(this.usage)
    else this.failure ??= new Fault('HF_SEAM_MISFIT', { detail: 'what it finished is not what was begun' })
  }

  #hear(event: Buffer, aside?: Buffer): void {
    if (this.#isStopped || this.failure) return
    this.#gather(aside)
    this.#pieces.read(event)
    const misfit = this.#joiner.misfit ?? this.#hold?.misfit ?? null
    if (misfit !== null) this.failure = new Fault('HF_SEAM_MISFIT', { detail: misfit })
  }

  #take(piece: Piece): void {
    if (!this.#isStopped) this.#joiner.take(piece)
  }

  /** Over the seam the stop strings are ours to find. */
  #match(piece: Piece): void {
    if (this.#isStopped) return
    if (piece.is === 'more' && piece.text !== '' && this.#tokensLeft-- <= 0) return this.#stop(this.#words.limit, null)
    if (piece.is === 'more' && this.#kind === 'text') {
      const { text, stop } = this.#stops.push(piece.text)
      if (text === piece.text) this.#write(piece)
      else if (text !== '') this.#write({ is: 'more', text, raw: {} })
      if (stop !== null) this.#stop(this.#words.stop, stop)
      return
    }
    if (piece.is === 'open' || piece.is === 'close' || piece.is === 'finish') {
      const rest = this.#kind === 'text' ? this.#stops.flush() : ''
      if (rest !== '') this.#write({ is: 'more', text: rest, raw: {} })
      this.#kind = piece.is === 'open' ? piece.kind : null
    }
    this.#write(piece)
  }

  /** Ends the answer before the upstream does. */
  #stop(reason: string, stopText: string | null): void {
    this.#write({ is: 'finish', reason, stopText, raw: {} })
    this.#isStopped = true
  }

  get #words(): { readonly stop: string; readonly limit: string } {
    return finishWords(this.#order.partial.route)
  }

  #write(piece: Piece): void {
    if (piece.is === 'finish' && limitReasons.has(piece.reason) && this.#hasEchoed) {
      this.failure = new Fault('HF_SEAM_MISFIT', { detail: 'it used up tokens on what was said already' })
      return
    }
    if (piece.is === 'finish') {
      this.#isFinished = true
      this.#finishReason = piece.reason
      this.hasContent = true
    } else if (piece.is === 'more' && piece.text !== '') this.hasContent = true
    this.#writer.write(piece)
  }

  /** It told again what it was to go on with: whether that counted against its limit, only a further leg can tell. */
  get #hasEchoed(): boolean {
    const { rung, continued } = this.#order
    return continued.given !== '' && rung.name !== 'ask-rest' && !this.#joiner.keepsTokens
  }

  // Token ids run beside the text, and with it.

  #gather(aside: Buffer | undefined): void {
    const { tokens, prompt, model } = readAside(aside)
    if (prompt) this.#prompt = { ids: prompt, model: model ?? '' }
    if (tokens) for (const id of tokens) this.#tokens.push(id)
  }

  #tell(event: Buffer): void {
    if (!this.#joiner.keepsTokens) this.#hasAllTokens = false
    const seam = this.#isNoted ? {} : { seam: this.#order.note }
    const prompt = this.#prompt && this.#hasAllTokens ? { prompt: this.#prompt.ids, model: this.#prompt.model } : {}
    const tokens = this.#tokens.length > 0 && this.#hasAllTokens ? { tokens: this.#tokens } : {}
    const aside = { ...seam, ...prompt, ...tokens }
    this.#isNoted = true
    this.#prompt = null
    this.#tokens = []
    if (Object.keys(aside).length === 0) this.#emit(event)
    else this.#emit(event, toAside(aside))
  }
}

/** Engines that are known to tell only the new text may begin it with a few letters that were there before. */
const echoLengthMin = 12
const silentEngines: ReadonlySet<string> = new Set(['vllm', 'sglang', 'tgi'])

function openJoiner({ partial, rung, continued, kind }: LegOrder, out: PieceSink): Joiner {
  const { blanks } = continued
  const given = continued.given.length < echoLengthMin && silentEngines.has(kind) ? '' : continued.given
  if (rung.name === 'ask-again' || rung.name === 'regenerate') return new AgainJoiner(partial, out)
  if (rung.name === 'ask-rest') return new RestJoiner(partial, new OverlapStrip(saidText(partial) ?? ''), true, out)
  return new RestJoiner(partial, new EchoStrip(given, blanks), false, out)
}
