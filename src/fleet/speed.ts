/**
 * How fast a model runs on a server, learnt from its answers: the first token as a line over the prompt's length, the
 * gap between tokens as a line over the calls under way. What a server would do unloaded is the measure of how loaded
 * it is.
 */
import { type Line, median, theilSen } from '../ground/theil-sen.ts'

/** Samples remembered of each kind. */
const windowMax = 256
/** Fewer say nothing yet. */
const samplesMin = 5
/** A line is drawn anew after so many samples. */
const refitEvery = 16
/** Where so many calls that were alone there took so many times as long as usual, or as short, it is another server. */
const aloneCount = 16
const changeFactor = 2
/** What a prompt token costs beside one of the answer, while nothing is known: engines read 10 to 100 times faster. */
const prefillWeightDefault = 1 / 16

export class Speed {
  #firstTokens = new Samples()
  #gaps = new Samples()
  #wholes = new Samples()

  /**
   * A first token came. `othersInFlight`: calls of ours that the server had when this one was sent; only nearly idle
   * moments say how fast it can be.
   */
  observeFirstToken(promptTokens: number, firstTokenMs: number, othersInFlight: number): void {
    if (othersInFlight <= 1 || this.#firstTokens.count < samplesMin) {
      this.#firstTokens.add(promptTokens, firstTokenMs)
      if (othersInFlight === 0) this.#firstTokens.compare(promptTokens, firstTokenMs)
    }
  }

  /** An answer's mean gap between tokens, while so many calls (this one included) were under way. */
  observeGap(callsInFlight: number, gapMs: number): void {
    this.#gaps.add(callsInFlight, gapMs)
  }

  /** An answer in one piece came, of so many tokens; the rest as with first tokens. */
  observeWhole(outputTokens: number, tookMs: number, othersInFlight: number): void {
    if (othersInFlight <= 1 || this.#wholes.count < samplesMin) {
      this.#wholes.add(outputTokens, tookMs)
      if (othersInFlight === 0) this.#wholes.compare(outputTokens, tookMs)
    }
  }

  /** Unloaded, an answer in one piece of so many tokens would take so long; null while unknown. */
  wholeMs(outputTokens: number): number | null {
    return at(this.#wholes.line, outputTokens)
  }

  /** How much longer than alone a token takes with so many calls under way; 1 while unknown. */
  slowdown(callsInFlight: number): number {
    const [alone, now] = [this.gapMs(1), this.gapMs(callsInFlight)]
    return alone === null || now === null ? 1 : now / alone
  }

  /** Unloaded, a first token after a prompt of this length would take so long; null while unknown. */
  firstTokenMs(promptTokens: number): number | null {
    return at(this.#firstTokens.line, promptTokens)
  }

  /** Usual gap between tokens with so many calls under way; null while unknown. */
  gapMs(callsInFlight: number): number | null {
    return at(this.#gaps.line, callsInFlight)
  }

  /** Answers on which what is said of reading and of writing rests, whichever are fewer. */
  get sampleCount(): number {
    return Math.min(this.#firstTokens.count, this.#gaps.count)
  }

  /** Prompt tokens a second that one call gets; null while unknown or too fast to be seen. */
  get prefillPerSecond(): number | null {
    const slope = this.#firstTokens.line?.slope ?? 0
    return slope > 0 ? 1000 / slope : null
  }

  /** Work of a prompt token in tokens of answers: 0 to 1. */
  prefillWeight(callsInFlight: number): number {
    const gapMs = this.gapMs(callsInFlight)
    const prefill = this.prefillPerSecond
    if (gapMs === null || prefill === null) return prefillWeightDefault
    return Math.min(1, (1000 / prefill / gapMs) * Math.max(1, callsInFlight))
  }

  /** The server was restarted: it may be another one now. */
  forget(): void {
    this.#firstTokens = new Samples()
    this.#gaps = new Samples()
    this.#wholes = new Samples()
  }
}

/** The last points, and the line through them. */
class Samples {
  count = 0
  #xs: number[] = []
  #ys: number[] = []
  #alone: (readonly [x: number, y: number])[] = []
  #line: Line | null = null
  #fittedAt = 0

  add(x: number, y: number): void {
    if (!(y >= 0 && Number.isFinite(x + y))) return
    const place = this.count++ % windowMax
    this.#xs[place] = x
    this.#ys[place] = y
  }

  /**
   * A sample that nothing disturbed. A server that was replaced or moved would look congested, whatever little it is
   * given, until the old samples are outnumbered.
   */
  compare(x: number, y: number): void {
    this.#alone.push([x, y])
    if (this.#alone.length < aloneCount) return
    const alone = this.#alone.splice(0)
    const ratio = median(alone.map(([atX, tookMs]) => tookMs / (at(this.line, atX) ?? tookMs)))
    if (ratio < changeFactor && ratio > 1 / changeFactor) return
    this.#xs = alone.map(([atX]) => atX)
    this.#ys = alone.map(([, tookMs]) => tookMs)
    this.count = aloneCount
    this.#line = null
  }

  get line(): Line | null {
    if (this.count < samplesMin) return null
    if (this.#line === null || this.count - this.#fittedAt >= refitEvery) {
      this.#fittedAt = this.count
      const { slope, intercept } = theilSen(this.#xs, this.#ys)
      // Neither reading nor a fuller batch makes anything faster: what looks so is noise.
      this.#line =
        slope > 0
          ? { slope, intercept }
          : theilSen(
              this.#xs.map(() => 0),
              this.#ys,
            )
    }
    return this.#line
  }
}

/** A time is never nothing. */
function at(line: Line | null, x: number): number | null {
  return line && Math.max(0.1, line.intercept + line.slope * x)
}
