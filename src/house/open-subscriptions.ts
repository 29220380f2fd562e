/** Subscriptions to the status, joined: who is told, how, and the door where the public asks for it. */
import { join } from 'node:path'
import { mail } from '../alert/mail.ts'
import { post } from '../alert/post.ts'
import { openSubscriptionDoor, type SubscriptionDoor } from '../edge/status/subscription-door.ts'
import type { Clock } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'
import type { Log } from '../observe/log.ts'
import type { StatusView } from '../status/status-view.ts'
import { offered, SubscriptionDesk } from '../status/subscription/subscription-desk.ts'
import type { SubscriptionOptions } from '../status/subscription/subscription-options.ts'
import { SqliteSubscriptions, subscriptionsFileName } from '../store/sqlite-subscriptions.ts'

export interface SubscriptionsBase {
  readonly stateDir: string
  /** With the password itself, see `readMailPassword`. */
  readonly options: SubscriptionOptions
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** As it is now. */
  readonly view: () => StatusView
}

export interface Subscriptions {
  readonly desk: SubscriptionDesk
  readonly door: SubscriptionDoor
}

/** Null where nobody may subscribe: then there is no file either. @throws when the file cannot be opened. */
export function openSubscriptions(
  parts: AsyncDisposableStack,
  { stateDir, options, clock, random, log, view }: SubscriptionsBase,
): Subscriptions | null {
  if (offered(options).length === 0) return null
  const store = parts.use(
    SqliteSubscriptions.open(join(stateDir, subscriptionsFileName), clock, random, (cause) =>
      log.error(
        { detail: String(cause) },
        'the file of subscribers was damaged and is laid aside: nobody is subscribed',
      ),
    ),
  )
  const desk = parts.use(new SubscriptionDesk({ store, options, clock, random, log, view, mail, post }))
  const door = openSubscriptionDoor({
    desk,
    view,
    nowMs: () => clock.nowMs(),
    onTrouble: (error) => log.warn({ detail: String(error) }, 'somebody could not be served who wanted to subscribe'),
  })
  return { desk, door }
}
