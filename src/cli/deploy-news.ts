/**
 * Tells the record of starts, restarts and stops, and of changes of the configuration: since when something is so is
 * the first question after a failure.
 */
import { createHash } from 'node:crypto'
import type { Config } from '../config.ts'
import { differences } from '../ground/differences.ts'
import type { OpenRecord } from '../house/open-record.ts'
import type { ConfigFact, DeployFact, FactKind, UpstreamPlace } from '../observe/fact.ts'
import { version } from './version.ts'
import { withoutSecrets } from './without-secrets.ts'

/** Settings that are named when many changed at once. */
const changedMax = 50
const diedWords = 'the gateway that ran before ended without a word'

export class DeployNews {
  readonly #record: OpenRecord
  #config: Config
  #version = version()
  #generation = 1

  constructor(record: OpenRecord, config: Config) {
    this.#record = record
    this.#config = config
    const before = this.#last('deploy') as DeployFact | null
    const hash = hashOf(config)
    const hashBefore = (this.#last('config') as ConfigFact | null)?.hash ?? hash
    const state = hash === hashBefore ? 'loaded' : 'changed'
    record.recorder.note({ kind: 'config', state, hash, hashBefore, changed: [], reason: '', places: placesOf(config) })
    const hasDied = before !== null && before.state !== 'stopped'
    this.#note('started', before?.version ?? this.#version, hasDied ? diedWords : '')
  }

  restartAsked(): void {
    this.#note('restart-asked', this.#version, '')
  }

  /** `config`: the one that is in force now. */
  restarted(config: Config): void {
    const before = this.#version
    this.#version = version()
    this.#generation++
    const changed = changedPaths(this.#config, config)
    const [hash, hashBefore] = [hashOf(config), hashOf(this.#config)]
    const state = changed.length > 0 ? 'changed' : 'loaded'
    this.#record.recorder.note({
      kind: 'config',
      state,
      hash,
      hashBefore,
      changed,
      reason: '',
      places: placesOf(config),
    })
    this.#config = config
    this.#note('restarted', before, '')
  }

  /** `isConfig`: for the configuration could not be read. */
  restartFailed(reason: string, isConfig: boolean): void {
    const hash = hashOf(this.#config)
    const facts = { hash, hashBefore: hash, changed: [], reason, places: [] }
    if (isConfig) this.#record.recorder.note({ kind: 'config', state: 'refused', ...facts })
    this.#note('restart-failed', this.#version, reason)
  }

  stopping(): void {
    this.#note('stopping', this.#version, '')
  }

  stopped(): void {
    this.#note('stopped', this.#version, '')
  }

  #note(state: DeployFact['state'], versionBefore: string, reason: string): void {
    const facts = { version: this.#version, versionBefore, generation: this.#generation, reason }
    this.#record.recorder.note({ kind: 'deploy', state, ...facts })
  }

  #last(kind: FactKind): DeployFact | ConfigFact | null {
    try {
      using reader = this.#record.read()
      return (reader?.latest({ kinds: [kind] }, 1).entries[0]?.fact ?? null) as DeployFact | ConfigFact | null
    } catch {
      return null // one that cannot be read is as good as none
    }
  }
}

function placesOf({ upstreams }: Config): UpstreamPlace[] {
  return Object.entries(upstreams).map(([upstream, { url, kind = '' }]) => {
    return { upstream, host: new URL(url).hostname, kind }
  })
}

/** Of all that is not secret. */
function hashOf(config: Config): string {
  return createHash('sha256')
    .update(JSON.stringify(withoutSecrets(config)))
    .digest('hex')
    .slice(0, 16)
}

/** Names of the settings that differ; their values are nobody's business. */
export function changedPaths(before: Config, after: Config): string[] {
  return differences(before, after)
    .map(({ path }) => path)
    .slice(0, changedMax)
}
