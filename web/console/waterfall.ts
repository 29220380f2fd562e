/** A call along time: its attempts as bars, its seams, first token and end as marks. */
import { html } from 'htm/preact'
import type { CallFact } from '../../src/observe/fact.ts'
import type { Told } from './facts.ts'
import { duration } from './words.ts'

/** Rounds over servers that are all down make many. */
const attemptsMax = 30
/** A step of the axis is one, two or five of something, so that some four fit. */
const stepsMax = 5

interface Mark {
  readonly afterMs: number
  readonly kind: 'seam' | 'first' | 'client' | 'adoption'
  readonly words: string
}

export function Waterfall({ call, facts }: { call: CallFact; facts: readonly Told[] }) {
  const marks = marksOf(call, facts)
  const wholeMs = Math.max(1, call.durationMs, ...call.attempts.map(({ afterMs, durationMs }) => afterMs + durationMs))
  const at = (ms: number): string => `${Math.min(100, Math.max(0, (100 * ms) / wholeMs)).toFixed(2)}%`
  const attempts = call.attempts.slice(0, attemptsMax)
  const left = call.attempts.length - attempts.length
  const firstMs = call.attempts[0]?.afterMs ?? 0
  return html`<div class="card waterfall">
    <div class="axis" aria-hidden="true">
      ${ticksOf(wholeMs).map((ms) => html`<span style=${{ left: at(ms) }}>${duration(ms)}</span>`)}
    </div>
    <ol>
      ${
        firstMs > 1 &&
        html`<li>
          <span class="name">before the first attempt</span>
          <span class="track"><i class="wait" style=${{ left: '0%', width: at(firstMs) }}></i></span>
          <span class="words">${duration(firstMs)} at the door and in line</span>
        </li>`
      }
      ${attempts.map(
        ({ upstream, code, detail, afterMs, durationMs, isHedge, receivedStatus }) => html`<li>
          <span class="name">${upstream}${isHedge && html` <span class="badge">beside</span>`}</span>
          <span class="track">
            <i class=${toneOf(code)} style=${{ left: at(afterMs), width: at(durationMs) }}></i>
            ${marks.map((mark) => html`<b class=${mark.kind} style=${{ left: at(mark.afterMs) }}></b>`)}
          </span>
          <span class="words">
            began after ${duration(afterMs)}, took ${duration(durationMs)}: ${code === null ? 'answered' : html`<code>${code}</code> ${detail}`}${receivedStatus !== null && receivedStatus >= 400 ? ` (status ${receivedStatus})` : ''}
          </span>
        </li>`,
      )}
    </ol>
    ${left > 0 && html`<p class="soft">and ${left} more attempts</p>`}
    ${call.attempts.length === 0 && html`<p class="soft">It was never sent to an upstream.</p>`}
    ${
      marks.length > 0 &&
      html`<ul class="marks">
        ${marks.map(({ kind, words, afterMs }) => html`<li><b class=${kind} aria-hidden="true"></b>${titles[kind]} after ${duration(afterMs)}${words && `: ${words}`}</li>`)}
      </ul>`
    }
  </div>`
}

function marksOf(call: CallFact, facts: readonly Told[]): Mark[] {
  const beganMs = call.atMs - call.durationMs
  const found = facts.flatMap((fact): Mark[] => {
    const afterMs = Math.max(0, fact.atMs - beganMs)
    if (fact.kind === 'seam' || fact.kind === 'client' || fact.kind === 'adoption')
      return [{ afterMs, kind: fact.kind, words: fact.words }]
    return []
  })
  const first = call.firstTokenMs
  if (first !== null) found.push({ afterMs: first, kind: 'first', words: '' })
  return found.toSorted((a, b) => a.afterMs - b.afterMs)
}

const titles = { seam: 'Seam', client: 'Caller', adoption: 'Take-over', first: 'First token' } as const

function ticksOf(wholeMs: number): number[] {
  const power = 10 ** Math.floor(Math.log10(wholeMs / stepsMax))
  const step = power * ([1, 2, 5, 10].find((times) => wholeMs / (power * times) <= stepsMax) ?? 10)
  return Array.from({ length: Math.floor(wholeMs / step) + 1 }, (_, i) => i * step)
}

function toneOf(code: string | null): string {
  return code === null ? 'good' : code === 'HF_OUTRUN' ? 'lost' : 'bad'
}
