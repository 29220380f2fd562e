/** `holdfast quarantine`: looks into the quarantine of a gateway that may be running, or not. */
import { shownRequest } from '../edge/admin-quarantine.ts'
import { systemClock } from '../ground/clock.ts'
import { quarantinePath } from '../house/state-files.ts'
import { SqliteQuarantine } from '../store/sqlite-quarantine.ts'
import { type ConfigOptions, commandConfig } from './command-config.ts'

export interface QuarantineCommandOptions extends ConfigOptions {
  readonly json?: boolean
}

/** @throws {Error} in words that name the cure. */
export function listQuarantine(options: QuarantineCommandOptions): void {
  using store = openStore(options)
  const requests = store.condemned(systemClock.nowMs())
  if (options.json) return write(JSON.stringify({ requests: requests.map(shownRequest) }, null, 2))
  if (requests.length === 0) return write('No request is in quarantine.')
  for (const { key, model, ray, untilMs, upstreams, refusedCount } of requests) {
    const until = new Date(untilMs).toISOString().slice(0, 19)
    write(
      `${key.slice(0, 12)}  ${model}  until ${until}Z  refused ${refusedCount} times  ${ray}  killed ${upstreams.join(', ')}`,
    )
  }
}

/** @throws {Error} in words that name the cure. */
export function releaseQuarantine(
  id: string | undefined,
  options: QuarantineCommandOptions & { readonly all?: boolean },
): void {
  if ((id === undefined) === (options.all === undefined))
    throw new Error('Say which: an id of `holdfast quarantine list`, or --all.')
  if (id !== undefined && !/^[0-9a-f]{6,32}$/.test(id))
    throw new Error('An id is the hash that `holdfast quarantine list` prints, or at least its first 6 characters.')
  using store = openStore(options)
  const released = store.release(id ?? '')
  if (released === 0 && id !== undefined) throw new Error(`No request in quarantine has an id that begins with ${id}.`)
  write(
    options.json ? JSON.stringify({ released }) : `${released} ${released === 1 ? 'request' : 'requests'} released.`,
  )
}

function openStore(options: ConfigOptions): SqliteQuarantine {
  const { stateDir } = commandConfig(options)
  const store = SqliteQuarantine.find(quarantinePath({ stateDir }), systemClock)
  if (store) return store
  throw new Error(
    `There is no quarantine in ${stateDir}. Name the state folder with --state; with \`journal.engine: memory\` there is nothing to look into.`,
  )
}

function write(text: string): void {
  process.stdout.write(`${text}\n`)
}
