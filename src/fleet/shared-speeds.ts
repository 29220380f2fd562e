/** What one worker tells the others of the servers, and what it takes from them. */
import type { Fleet } from './fleet.ts'
import type { SpeedEntry } from './speed-book.ts'

/** Calls in hand by upstream, for those that have any. */
export type CallsByUpstream = Readonly<Record<string, number>>

/** What was learnt here, by nobody else. */
export function learntSpeeds({ upstreams }: Fleet): SpeedEntry[] {
  return upstreams.flatMap(({ url, speeds }) =>
    [...speeds].flatMap(([model, { learnt }]) => {
      return Object.values(learnt).some((each) => each !== undefined) ? [{ url: url.href, model, ...learnt }] : []
    }),
  )
}

/** Others have learnt this. Of servers that are not in use here nothing is kept. */
export function learnSpeeds({ upstreams }: Fleet, entries: readonly SpeedEntry[]): void {
  for (const upstream of upstreams) {
    for (const entry of entries) if (entry.url === upstream.url.href) upstream.speed(entry.model).learn(entry)
  }
}

export function callsInHand({ upstreams }: Fleet): CallsByUpstream {
  return Object.fromEntries(upstreams.flatMap(({ name, load }) => (load.calls > 0 ? [[name, load.calls]] : [])))
}

/** The others have so many calls there. */
export function hearSiblings({ upstreams }: Fleet, calls: CallsByUpstream): void {
  for (const upstream of upstreams) upstream.siblingCalls = calls[upstream.name] ?? 0
}
