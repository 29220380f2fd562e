/** Subscriptions to the status, joined: who is told, and how. The public asks for it at `edge/status/`. */
import { join } from 'node:path'
import { mail } from '../alert/mail.ts'
import { post } from '../alert/post.ts'
import type { Clock } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'
import type { Log } from '../observe/log.ts'
import type { StatusView } from '../status/status-view.ts'
import { SubscriptionDesk } from '../status/subscription/subscription-desk.ts'
import { offered, type SubscriptionOptions } from '../status/subscription/subscription-options.ts'
import { SqliteSubscriptions, subscriptionsFileName } from '../store/sqlite-subscriptions.ts'

interface SubscriptionsBase {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly stateDir: string
  /** With the password itself. */
  readonly options: SubscriptionOptions
  /** As it is now. */
  readonly view: () => StatusView
}

/** Null where nobody may subscribe: then there is no file either. @throws when the file cannot be opened. */
export function openSubscriptions(
  parts: AsyncDisposableStack,
  { stateDir, options, clock, random, log, view }: SubscriptionsBase,
): SubscriptionDesk | null {
  if (offered(options).length === 0) return null
  const store = parts.use(
    SqliteSubscriptions.open(join(stateDir, subscriptionsFileName), clock, random, (cause) =>
      log.error(
        { detail: String(cause) },
        'the file of subscribers was damaged and is laid aside: nobody is subscribed',
      ),
    ),
  )
  return parts.use(new SubscriptionDesk({ store, options, clock, random, log, view, mail, post }))
}
