/**
 * The process that serves the public page, and nothing else. It needs its supervisor for news only: when that is dead
 * or stands still, it goes on with what it has, and says how old that is. A supervisor that comes after a dead one
 * leaves its name in a file; then this process makes room for its successor.
 */
import { readFileSync } from 'node:fs'
import { PageShelf } from '../edge/status/page-shelf.ts'
import { StatusServer, type StatusServerOptions } from '../edge/status/status-server.ts'
import { systemClock } from '../ground/clock.ts'
import type { PageDoor } from './page-door.ts'
import type { SubscriptionOptions } from '../status/subscription/subscription-options.ts'

const lookMs = 1000
/** A process before us may still have the port. */
const listenMs = 250
const listenAttemptsMax = 120
/** Without a supervisor it stays so long. */
const aloneMsMax = 24 * 3600_000

/** In the variable `HOLDFAST_STATUS`, as JSON; no secret is in it. */
export interface StatusPageOrder extends StatusServerOptions {
  readonly folder: string
  readonly staleMinutes: number
  /** A file with the name of the supervisor in charge, and that of ours. */
  readonly ownerFile: string
  readonly owner: string
  /** Null where nobody may subscribe. */
  readonly subscriptions: SubscriptionOptions | null
}

export type StatusPageWord =
  | { readonly event: 'listening'; readonly url: string }
  | { readonly event: 'alive' }
  | { readonly event: 'failed'; readonly message: string }
  | { readonly event: 'question'; readonly question: unknown }
export type StatusPageOrderWord =
  | { readonly event: 'written' }
  | { readonly event: 'end' }
  /** Other settings at the same address. */
  | { readonly event: 'use'; readonly order: StatusPageOrder }
  | { readonly event: 'answer'; readonly answer: unknown }

/** Words that a supervisor which stands still has waiting for it; more are not kept. */
const untakenMax = 100
let untaken = 0

function tell(word: StatusPageWord): void {
  if (!process.connected || untaken >= untakenMax) return
  untaken++
  process.send?.(word, undefined, undefined, () => untaken--)
}

export async function runStatusPage(first: StatusPageOrder): Promise<void> {
  let order = first
  // What ends a terminal or its program is for the supervisor to understand; it is known here that it was asked to.
  let isEndAsked = false
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => (isEndAsked = true))
  process.on('SIGUSR2', () => {})
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  let shelf = new PageShelf(order.folder)
  /** Of another folder, until the page is there. */
  let nextShelf: PageShelf | null = null
  let door = await openDoor(order, () => shelf)
  const server = new StatusServer(order, shelf, systemClock, (...asked) => door?.take(...asked) ?? false)
  const end = (): void => {
    // Nobody loses anything by a page that is asked for again.
    void server[Symbol.asyncDispose]().finally(() => process.exit())
    setTimeout(() => process.exit(), 500).unref()
  }
  process.once('SIGTERM', end)
  const move = async (next: PageShelf): Promise<boolean> => {
    if (!(await next.refresh())) return false
    if (next === nextShelf) nextShelf = null
    shelf = next
    server.useShelf(shelf)
    return true
  }
  const use = async (next: StatusPageOrder): Promise<void> => {
    if (next.folder !== order.folder) nextShelf = new PageShelf(next.folder)
    order = next
    server.use(order)
    door = await openDoor(order, () => shelf)
    await look()
  }
  const look = async (): Promise<void> => {
    const isNew = (nextShelf && (await move(nextShelf))) || (await shelf.refresh())
    const isStale = shelf.ofMs > 0 && Date.now() - shelf.ofMs > order.staleMinutes * 60_000
    await shelf.showStale(isStale)
    if (isNew) server.readers.tell(shelf.version)
  }
  await look().catch(() => {})
  try {
    tell({ event: 'listening', url: await listen(server) })
  } catch (error) {
    tell({ event: 'failed', message: (error as Error).message })
    process.exitCode = 1
    return end()
  }
  process.on('message', (word: StatusPageOrderWord) => {
    if (word.event === 'end') end()
    if (word.event === 'use') use(word.order).catch(() => {})
    if (word.event === 'written') look().catch(() => {})
    if (word.event === 'answer') door?.hear(word.answer)
  })
  const beAlone = (): void => (isEndAsked ? end() : stayAlone(order, end))
  process.once('disconnect', beAlone)
  if (!process.connected) beAlone()
  setInterval(() => {
    tell({ event: 'alive' })
    look().catch(() => {})
  }, lookMs)
}

/** A gateway that stands still or is gone does not answer what is asked there. */
async function openDoor({ subscriptions }: StatusPageOrder, shelf: () => PageShelf): Promise<PageDoor | null> {
  if (subscriptions === null) return null
  const { openPageDoor } = await import('./page-door.ts')
  return openPageDoor(subscriptions, shelf, (question) => tell({ event: 'question', question }))
}

async function listen(server: StatusServer): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await server.listen()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || attempt >= listenAttemptsMax) throw error
      await new Promise((resolve) => setTimeout(resolve, listenMs))
    }
  }
}

/** Until another supervisor is in charge, none can come because its folder is gone, or it has been too long. */
function stayAlone({ ownerFile, owner }: StatusPageOrder, end: () => void): void {
  setTimeout(end, aloneMsMax).unref()
  setInterval(() => {
    try {
      if (readFileSync(ownerFile, 'utf8').trim() !== owner) end()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') end()
    }
  }, lookMs).unref()
}
