/**
 * Finds out whether an upstream of unknown kind goes on with a last assistant message, by one short call behind the
 * scenes. It is asked when an answer broke that could have used it, so that the next one can.
 */
import { routes } from '../dialect/call.ts'
import { type Capabilities, probePrefill } from '../fleet/capability.ts'
import type { Upstream } from '../fleet/upstream.ts'
import { Gather } from '../ground/gather.ts'
import type { WireReceiver } from './wire/wire.ts'
import type { WireSource } from './wire/wires.ts'

/** A longer answer is none to eight tokens. */
const answerBytesMax = 256 * 2 ** 10
/** Probes under way at once; what is beyond is asked at the next occasion. */
const liveMax = 4
const connectMs = 5000

export class PrefillProber {
  #wires: WireSource
  #capabilities: Capabilities
  #live = new Set<string>()

  constructor(wires: WireSource, capabilities: Capabilities) {
    this.#wires = wires
    this.#capabilities = capabilities
  }

  /** Asks, unless it is known or being asked. `model` is its name at the upstream. */
  ask(upstream: Upstream, model: string): void {
    const key = `${upstream.name}\n${model}`
    const isUnknown = this.#capabilities.standing(upstream, model, 'chat', 'prefill') === 'unknown'
    const canBeAsked = upstream.kind === 'compatible' && upstream.speaks.has('chat') && !upstream.options.continues
    if (!isUnknown || !canBeAsked || this.#live.has(key) || this.#live.size >= liveMax) return
    this.#live.add(key)
    const probe = probePrefill(model)
    this.#send(upstream, probe.body, (answer) => {
      this.#live.delete(key)
      if (answer === null) return
      if (probe.isContinued(answer)) this.#capabilities.prove(upstream, model, 'chat', 'prefill')
      else this.#capabilities.refuse(upstream, model, 'chat', 'prefill')
    })
  }

  /** `done` gets the body of a good answer, or null when nothing can be concluded. */
  #send(upstream: Upstream, body: Buffer, done: (answer: Buffer | null) => void): void {
    const gather = new Gather(null)
    let status = 0
    const receiver: WireReceiver = {
      onHead: (head) => void (status = head.status),
      onBody: (bytes) => {
        if (gather.length + bytes.length <= answerBytesMax) gather.add(bytes, false)
      },
      onEnd: () => done(status === 200 || status === 400 ? gather.take() : null),
      onFail: () => done(null),
    }
    const prefix = upstream.url.pathname.replace(/\/$/, '')
    const headers: Record<string, string> = { 'content-type': 'application/json', 'user-agent': 'holdfast' }
    if (upstream.key) headers['authorization'] = `Bearer ${upstream.key}`
    const path = `${prefix}${routes.chat.path}${upstream.url.search}`
    this.#wires.to(upstream).send({ method: 'POST', path, headers, body: [body], connectMs }, receiver)
  }
}
