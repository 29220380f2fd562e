/** The stores that the configuration asks for, and what stands on them. */
import type { Config } from '../config.ts'
import type { BodyPurse } from '../edge/body.ts'
import { type DurableStreams, openDurableStreams } from '../edge/durable-streams/durable-streams.ts'
import type { ReadOnlySource } from '../edge/durable-streams/read-only-source.ts'
import type { WebhookPost } from '../edge/subscriptions/subscriptions.ts'
import type { Clock } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'
import type { Note } from '../observe/fact.ts'
import type { Log } from '../observe/log.ts'
import type { Recorder } from '../observe/recorder.ts'
import { postWebhook } from '../relay/wire/webhook-post.ts'
import type { Journal } from '../store/journal.ts'
import { MemoryJournal } from '../store/memory-journal.ts'
import { MemoryStreams } from '../store/memory-streams.ts'
import { SqliteJournal } from '../store/sqlite-journal.ts'
import { SqliteStreams } from '../store/sqlite-streams.ts'
import { journalPath, streamsPath } from './state-files.ts'

/** `node`: the name under which this process holds leases; of its own at each start. */
export function openJournal(config: Config, clock: Clock, node: string, { log, recorder }: Told): Journal {
  if (config.journal.engine === 'memory') return new MemoryJournal(clock, config.journal)
  return new SqliteJournal(journalPath(config), clock, config.journal, node, {
    warn: (facts, message) => {
      log.warn(facts, message)
      recorder.note(journalNews(facts, message))
    },
  })
}

/** Who is told of trouble. */
interface Told {
  readonly log: Log
  readonly recorder: Recorder
}

function journalNews(facts: object, message: string): Note {
  const { damaged, detail = '', reason = '' } = facts as { damaged?: string; detail?: string; reason?: string }
  const state = damaged === undefined ? (/disk is full/.test(detail) ? 'full' : 'error') : 'damaged'
  return { kind: 'journal', state, detail: `${message}: ${detail || reason}` }
}

interface StreamsBase {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly purse: BodyPurse
  readonly readOnly: ReadOnlySource
}

export function openStreams(parts: AsyncDisposableStack, { config, ...base }: StreamsBase): DurableStreams {
  const { streams: options, limits } = config
  const { clock } = base
  const store =
    options.engine === 'memory'
      ? new MemoryStreams(clock, options)
      : new SqliteStreams(streamsPath(config), clock, options)
  parts.use(store)
  const { stalledReaderMs } = limits
  const post: WebhookPost = (url, headers, body) => postWebhook(url, headers, body, options.webhookMs)
  return parts.use(openDurableStreams({ ...base, store, options, stalledReaderMs, post }))
}
