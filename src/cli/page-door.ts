/**
 * Where visitors of the page ask for letters, in the process that serves it. The subscribers are not known here: the
 * gateway is asked. What the door must know of the page stands in the page's own JSON.
 */
import type { PageShelf } from '../edge/status/page-shelf.ts'
import type { StatusHook } from '../edge/status/status-server.ts'
import { openSubscriptionDoor, type PageFacts } from '../edge/status/subscription-door.ts'
import { systemClock } from '../ground/clock.ts'
import { type FarAnswer, FarDesk } from '../status/subscription/far-desk.ts'
import type { SubscriptionOptions } from '../status/subscription/subscription-options.ts'

/** Who answers what the files do not, and may ask the gateway for it. */
export interface PageDoor {
  readonly take: StatusHook
  /** Of the gateway. */
  readonly hear: (answer: unknown) => void
}

const factsPath = 'api/v2/components.json'

export function openPageDoor(
  options: SubscriptionOptions,
  shelf: () => Pick<PageShelf, 'get'>,
  ask: (question: unknown) => void,
): PageDoor {
  const desk = new FarDesk(options, systemClock, ask)
  const take = openSubscriptionDoor({
    desk,
    view: () => factsOf(shelf()),
    nowMs: () => Date.now(),
    onTrouble: (error) => void process.stderr.write(`subscribing: ${String(error).slice(0, 200)}\n`),
  })
  return { take, hear: (answer) => desk.hear(answer as FarAnswer) }
}

function factsOf(shelf: Pick<PageShelf, 'get'>): PageFacts {
  const file = shelf.get(factsPath)
  return file ? (JSON.parse(file.plain.toString()) as PageFacts) : { page: { name: '', url: '' }, components: [] }
}
