/**
 * How fast a model runs on a server, learnt from its answers: the first token as a line over the prompt's length, the
 * gap between tokens as a line over the calls under way. What a server would do unloaded is the measure of how loaded
 * it is.
 */
import { type Learnt, MeasuredLine } from './measured-line.ts'

/** What a prompt token costs beside one of the answer, while nothing is known: engines read 10 to 100 times faster. */
export const prefillWeightDefault = 1 / 16

/** What was learnt of a model on a server, for others who use it. */
export interface LearntSpeed {
  readonly firstToken?: Learnt | undefined
  readonly gap?: Learnt | undefined
  readonly whole?: Learnt | undefined
}

export class Speed {
  #firstTokens: MeasuredLine
  #gaps: MeasuredLine
  #wholes: MeasuredLine

  /** @param nowMs milliseconds since 1970. */
  constructor(nowMs: () => number = () => 0) {
    this.#firstTokens = new MeasuredLine(nowMs)
    this.#gaps = new MeasuredLine(nowMs)
    this.#wholes = new MeasuredLine(nowMs)
  }

  /**
   * A first token came. `othersInFlight`: calls that the server had, as far as we know, when this one was sent; only
   * nearly idle moments say how fast it can be. Returns true when it turned out that it is slower now than it was.
   */
  observeFirstToken(promptTokens: number, firstTokenMs: number, othersInFlight: number, aheadTokens = 0): boolean {
    return this.#firstTokens.observe(aheadTokens + promptTokens, firstTokenMs, othersInFlight, promptTokens)
  }

  /** An answer's mean gap between tokens, while so many calls (this one included) were under way. */
  observeGap(callsInFlight: number, gapMs: number): void {
    this.#gaps.add(callsInFlight, gapMs)
  }

  /** An answer in one piece came, of so many tokens; the rest as with first tokens. */
  observeWhole(outputTokens: number, tookMs: number, othersInFlight: number): boolean {
    return this.#wholes.observe(outputTokens, tookMs, othersInFlight)
  }

  /** What others have learnt, or we before: it holds until we know better. */
  learn({ firstToken, gap, whole }: LearntSpeed): void {
    if (firstToken) this.#firstTokens.learn(firstToken)
    if (gap) this.#gaps.learn(gap)
    if (whole) this.#wholes.learn(whole)
  }

  /** Of our own, for others. */
  get learnt(): LearntSpeed {
    return {
      firstToken: this.#firstTokens.learnt ?? undefined,
      gap: this.#gaps.learnt ?? undefined,
      whole: this.#wholes.learnt ?? undefined,
    }
  }

  /** Unloaded, an answer in one piece of so many tokens would take so long; null while unknown. */
  wholeMs(outputTokens: number): number | null {
    return this.#wholes.at(outputTokens)
  }

  /** How much longer than alone a token takes with so many calls under way; 1 while unknown. */
  slowdown(callsInFlight: number): number {
    const [alone, now] = [this.gapMs(1), this.gapMs(callsInFlight)]
    return alone === null || now === null ? 1 : now / alone
  }

  /** Unloaded, a first token after a prompt of this length would take so long; null while unknown. */
  firstTokenMs(promptTokens: number): number | null {
    return this.#firstTokens.at(promptTokens)
  }

  /** Usual gap between tokens with so many calls under way; null while unknown. */
  gapMs(callsInFlight: number): number | null {
    return this.#gaps.at(callsInFlight)
  }

  /** Answers on which what is said of reading and of writing rests, whichever are fewer. */
  get sampleCount(): number {
    return Math.min(this.#firstTokens.count, this.#gaps.count)
  }

  /** Prompt tokens a second that one call gets; null while unknown or too fast to be seen. */
  get prefillPerSecond(): number | null {
    const { slope } = this.#firstTokens
    return slope > 0 ? 1000 / slope : null
  }

  /** Work of a prompt token in tokens of answers: 0 to 1. */
  prefillWeight(callsInFlight: number): number {
    const gapMs = this.gapMs(callsInFlight)
    const prefill = this.prefillPerSecond
    if (gapMs === null || prefill === null) return prefillWeightDefault
    return Math.min(1, (1000 / prefill / gapMs) * Math.max(1, callsInFlight))
  }
}
