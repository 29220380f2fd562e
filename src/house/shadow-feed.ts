/**
 * Real calls that may be asked of a new release once more: those of callers that an operator named, at most one a
 * replica and second, from this worker to the control process and nowhere else.
 */
import type { Config } from '../config.ts'
import type { SampledCall } from '../control/deploy/shadow-sample.ts'
import type { Clock } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'
import type { Order } from '../relay/order.ts'
import type { CallSampler } from '../relay/relay-parts.ts'

const samplesMax = 32

export class ShadowFeed implements CallSampler {
  #clock: Clock
  #random: Random
  #callers: ReadonlySet<string>
  #bytesMax: number
  #samples = new Map<string, { call: SampledCall; offered: number }>()

  constructor(
    clock: Clock,
    random: Random,
    limits: { readonly callers: readonly string[]; readonly bytesMax: number },
  ) {
    this.#clock = clock
    this.#random = random
    this.#callers = new Set(limits.callers)
    this.#bytesMax = limits.bytesMax
  }

  offer({ caller, call }: Pick<Order, 'caller' | 'call'>, replica: string): void {
    if (!this.#callers.has(caller) || call.route !== 'chat' || call.body.bytes.length > this.#bytesMax) return
    const known = this.#samples.get(replica)
    if (!known && this.#samples.size >= samplesMax) return
    const offered = (known?.offered ?? 0) + 1
    // Each of the calls since the last word has the same chance.
    if (known && this.#random.unit() * offered >= 1) return void (known.offered = offered)
    const sample = { caller, body: call.body.bytes.toString(), atMs: this.#clock.nowMs() }
    this.#samples.set(replica, { call: sample, offered })
  }

  /** By replica, since it was asked last. */
  take(): Record<string, SampledCall> {
    const taken = Object.fromEntries([...this.#samples].map(([replica, { call }]) => [replica, call]))
    this.#samples.clear()
    return taken
  }
}

/** Null where nobody wants it. */
export function openShadowFeed(
  { deployments }: Pick<Config, 'deployments'>,
  clock: Clock,
  random: Random,
): ShadowFeed | null {
  const shadows = Object.values(deployments).flatMap(({ rollout }) => rollout.gate.shadow ?? [])
  if (shadows.length === 0) return null
  const callers = shadows.flatMap((each) => each.callers)
  return new ShadowFeed(clock, random, { callers, bytesMax: Math.max(...shadows.map((each) => each.bytesMax)) })
}
