/** Takes an answer over whose node is dead: goes on with it, or ends it with a word where nobody could. */
import type { Route } from '../dialect/call.ts'
import { errorEvent } from '../dialect/error-body.ts'
import { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import type { Adopted } from '../store/journal.ts'
import { Ears } from './ears.ts'
import type { Exchange } from './exchange.ts'
import { lastWord } from './last-word.ts'
import type { Order } from './order.ts'
import { orderOf } from './parcel.ts'
import type { Relay } from './relay-parts.ts'
import { givenUpAnswer } from './short-account.ts'

/** Takings-over of one answer that brought no event. */
const barrenAdoptionsMax = 8

export interface Adopter {
  /** Nothing is taken over any more. */
  readonly isClosing: () => boolean
  readonly open: (order: Order, keptCount: number) => Exchange
}

type AdoptionParts = Pick<Relay, 'journal' | 'observer' | 'clock'>

/** False when it is no orphan, or not ours to take. */
export async function adoptAnswer(relay: AdoptionParts, ray: Ray, { isClosing, open }: Adopter): Promise<boolean> {
  const { journal, observer, clock } = relay
  const ears = new Ears()
  const adopted = await journal.adopt(ray, ears)
  if (!adopted) return false
  if (isClosing()) {
    adopted.entry.release()
    return false
  }
  const order = orderOf(adopted, clock)
  observer.log.info({ ray, epoch: adopted.entry.epoch, events: adopted.events.length }, 'answer adopted')
  // An answer that keeps killing whoever takes it over would go round for ever.
  const isHopeless = !order || adopted.entry.epoch > barrenAdoptionsMax + adopted.events.length
  const state = isHopeless ? 'given-up' : 'adopted'
  const { epoch } = adopted.entry
  observer.recorder.note({ kind: 'adoption', ray, state, epoch, eventCount: adopted.events.length })
  if (isHopeless) {
    giveUp(relay, adopted)
    return true
  }
  const exchange = open(order, adopted.events.length)
  ears.give(exchange)
  exchange.adopt(adopted)
  return true
}

/** It ends with a word instead of hanging. */
function giveUp({ observer, clock }: AdoptionParts, { info, entry, events }: Adopted): void {
  const ended = lastWord({ route: info.route as Route, isStream: info.isStream }, events)
  if (ended) return entry.seal(ended)
  const fault = new Fault('HF_NOT_ADOPTABLE')
  entry.seal('failed', errorEvent(fault, info.ray, info.route as Route))
  observer.settled(givenUpAnswer(info, fault, events.length, clock))
}
