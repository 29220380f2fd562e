/**
 * The questions a run can ask of a gateway: which load, in which scheduling class, and what one unit of the answer
 * is.
 */

export type QuestionName = 'unary' | 'latency' | 'sse250' | 'sse1000' | 'ttft' | 'idle-memory'

export interface Question {
  readonly name: QuestionName
  readonly title: string
  readonly mode: 'unary' | 'open' | 'sse'
  /** What CPU is divided by. */
  readonly unit: 'request' | 'chunk'
  /** Low-rate questions run in the real-time class, since neighbours on the machine would otherwise own the delays. */
  readonly isRealtime: boolean
  /** Flags of the load client. */
  readonly flags: Readonly<Record<string, number>>
}

const chunkIntervalMs = 20

/**
 * Streams that are opened within `rampMs` or as fast as the gateway can, start together, and run until the mock is
 * told to finish them.
 */
function steadyStreams(count: number, rampMs: number): Readonly<Record<string, number>> {
  const pace = { chunks: 1_000_000, 'interval-us': chunkIntervalMs * 1000, size: 200, hold: 1 }
  return { connections: count, ...pace, 'ramp-ms': rampMs, 'warmup-ms': 150, 'drain-ms': 10_000 }
}

export const questions: readonly Question[] = [
  {
    name: 'unary',
    title: 'Unary: 64 connections, closed loop, 1 KB each way',
    mode: 'unary',
    unit: 'request',
    isRealtime: false,
    flags: { connections: 64, 'warmup-ms': 200 },
  },
  {
    name: 'latency',
    title: 'Added latency: open loop, 500 requests/s at Poisson moments, minus direct in the same round',
    mode: 'open',
    unit: 'request',
    isRealtime: true,
    flags: { connections: 64, rate: 500, 'warmup-ms': 100 },
  },
  {
    name: 'sse250',
    title: 'Streams: 250 at a time, 200-byte chunks every 20 ms (12,500 chunks/s)',
    mode: 'sse',
    unit: 'chunk',
    isRealtime: true,
    flags: steadyStreams(250, 250),
  },
  {
    name: 'sse1000',
    title: 'Streams: 1,000 at a time, 200-byte chunks every 20 ms (50,000 chunks/s)',
    mode: 'sse',
    unit: 'chunk',
    isRealtime: false,
    flags: steadyStreams(1000, 600),
  },
  {
    name: 'ttft',
    title:
      'Added time to first token: 50 connections, stream after stream of 25 chunks, minus direct in the same round',
    mode: 'sse',
    unit: 'chunk',
    isRealtime: true,
    flags: {
      connections: 50,
      repeat: 1,
      chunks: 25,
      'interval-us': chunkIntervalMs * 1000,
      'ramp-ms': 500,
      'warmup-ms': 300,
      'drain-ms': 1500,
    },
  },
]

export const questionNames: readonly QuestionName[] = [...questions.map((question) => question.name), 'idle-memory']
