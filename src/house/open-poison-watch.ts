/** The watch over requests that kill model servers, and where what it finds is kept. */
import type { Config } from '../config.ts'
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'
import type { Recorder } from '../observe/recorder.ts'
import { PoisonWatch } from '../relay/poison-watch.ts'
import { knock } from '../relay/wire/knock.ts'
import type { Wires } from '../relay/wire/wires.ts'
import { MemoryQuarantine } from '../store/memory-quarantine.ts'
import type { Quarantine } from '../store/quarantine.ts'
import { SqliteQuarantine } from '../store/sqlite-quarantine.ts'
import { quarantinePath } from './state-files.ts'

interface PoisonBase {
  readonly clock: Clock
  readonly log: Log
  readonly wires: Pick<Wires, 'names'>
  readonly record: { readonly recorder: Recorder }
  /** Of this process; no other one has the same. */
  readonly node: string
}

/** Null where the configuration does not want it. Kept as the journal is. */
export function openPoisonWatch(
  parts: AsyncDisposableStack,
  config: Pick<Config, 'quarantine' | 'journal' | 'stateDir'>,
  { clock, log, wires, record, node }: PoisonBase,
): PoisonWatch | null {
  if (!config.quarantine.enabled) return null
  const quarantine = parts.use(openQuarantine(config, clock, log))
  const isNobodyAt = async (url: URL): Promise<boolean> => (await knock(url, wires.names, clock)) === 'nobody'
  const { recorder } = record
  return parts.use(new PoisonWatch({ clock, quarantine, isNobodyAt, recorder, log, node, options: config.quarantine }))
}

function openQuarantine(config: Pick<Config, 'journal' | 'stateDir'>, clock: Clock, log: Log): Quarantine {
  if (config.journal.engine === 'memory') return new MemoryQuarantine()
  try {
    return SqliteQuarantine.open(quarantinePath(config), clock)
  } catch (error) {
    log.warn({ detail: String(error) }, 'the quarantine is kept in memory: its file cannot be opened')
    return new MemoryQuarantine()
  }
}
