/**
 * The process that serves the public page, and nothing else. It needs its supervisor for news only: when that is dead
 * or stands still, it goes on with what it has, and says how old that is. A supervisor that comes after a dead one
 * leaves its name in a file; then this process makes room for its successor.
 */
import { readFileSync } from 'node:fs'
import { PageShelf } from '../edge/status/page-shelf.ts'
import { StatusServer, type StatusServerOptions } from '../edge/status/status-server.ts'
import { systemClock } from '../ground/clock.ts'

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
}

export type StatusPageWord =
  | { readonly event: 'listening'; readonly url: string }
  | { readonly event: 'alive' }
  | { readonly event: 'failed'; readonly message: string }
export type StatusPageOrderWord = { readonly event: 'written' } | { readonly event: 'end' }

let isTelling = false

/** A supervisor that stands still has one word waiting for it, and not one for each second. */
function tell(word: StatusPageWord): void {
  if (!process.connected || isTelling) return
  isTelling = true
  process.send?.(word, undefined, undefined, () => (isTelling = false))
}

export async function runStatusPage(order: StatusPageOrder): Promise<void> {
  // What ends a terminal or its program is for the supervisor to understand.
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => {})
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  const shelf = new PageShelf(order.folder)
  const server = new StatusServer(order, shelf, systemClock)
  const end = (): void => {
    // Nobody loses anything by a page that is asked for again.
    void server[Symbol.asyncDispose]().finally(() => process.exit())
    setTimeout(() => process.exit(), 500).unref()
  }
  process.once('SIGTERM', end)
  const look = async (): Promise<void> => {
    const isNew = await shelf.refresh()
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
  process.on('message', (word: StatusPageOrderWord) => (word.event === 'end' ? end() : void look().catch(() => {})))
  process.once('disconnect', () => stayAlone(order, end))
  if (!process.connected) stayAlone(order, end)
  setInterval(() => {
    tell({ event: 'alive' })
    look().catch(() => {})
  }, lookMs)
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

/** Until another supervisor is in charge, or it has been too long. */
function stayAlone({ ownerFile, owner }: StatusPageOrder, end: () => void): void {
  setTimeout(end, aloneMsMax).unref()
  setInterval(() => {
    try {
      if (readFileSync(ownerFile, 'utf8').trim() !== owner) end()
    } catch {
      // No file: nobody else is there.
    }
  }, lookMs).unref()
}
