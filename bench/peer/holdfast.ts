/** Holdfast itself, from the sources of this checkout: one worker, journal in memory or in SQLite. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cache, gatewayCore, launch, type Launched, repository } from '../launch.ts'
import { type Peer, PeerMissing, type RunningPeer } from './peer.ts'

const entry = join('src', 'cli', 'holdfast.ts')
/** Generous: a machine full of benches starts slowly. */
const readyMsMax = 60_000

export interface HoldfastOptions {
  /** Without a path; not needed where `settings` name the upstreams. */
  readonly upstreamUrl?: string
  /** 0: one of the system's choice, told in `url`. */
  readonly port: number
  readonly adminPort: number
  readonly journal: 'memory' | 'sqlite'
  /** Room of the journal; without it the product's default. */
  readonly journalBytesMax?: number
  /** Of its configuration file, whatever else is to differ from the defaults. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Its folder in the cache, where several run at once. */
  readonly name?: string
  readonly core?: number
  /** Options for its Node, such as a module to load first. */
  readonly nodeOptions?: string
}

/** The flags of a run; what flags cannot tell is told in a file, and JSON is YAML. */
function runFlags(options: HoldfastOptions, folder: string): string[] {
  const { journalBytesMax: totalBytesMax, settings } = options
  if (totalBytesMax === undefined && settings === undefined) {
    const ports = ['--port', `${options.port}`, '--admin-port', `${options.adminPort}`]
    // As the peers do: who leaves is not worked for any more.
    const leaving = ['--on-disconnect', 'cancel']
    const journal = ['--journal', options.journal, ...(options.journal === 'sqlite' ? ['--state', folder] : [])]
    return [...ports, '--upstream', `${options.upstreamUrl}/v1`, '--workers', '1', ...leaving, ...journal]
  }
  const file = join(folder, 'holdfast.yaml')
  const config = {
    stateDir: folder,
    listeners: [{ host: '127.0.0.1', port: options.port }],
    admin: { host: '127.0.0.1', port: options.adminPort },
    upstreams: { mock: { url: `${options.upstreamUrl}/v1`, connectionsMax: 4096 } },
    journal: { engine: options.journal, ...(totalBytesMax === undefined ? {} : { totalBytesMax }) },
    ...settings,
  }
  writeFileSync(file, JSON.stringify(config, null, 2))
  return ['--config', file]
}

export interface RunningHoldfast extends RunningPeer {
  readonly url: string
  readonly adminUrl: string
}

/** The log's ready line; null when the program has ended or the time is over. */
async function readyLine(launched: Launched, log: string): Promise<string | null> {
  const giveUpAt = performance.now() + readyMsMax
  let isOver = false
  void launched.exited.then(() => (isOver = true))
  while (!isOver && performance.now() < giveUpAt) {
    const line = /^.*"event":"ready".*$/m.exec(readFileSync(log, 'utf8'))?.[0]
    if (line?.endsWith('}')) return line
    await sleep(20)
  }
  return null
}

/** Starts the gateway and waits for its ready line. @throws {PeerMissing} when it does not get ready */
export async function startHoldfast(options: HoldfastOptions): Promise<RunningHoldfast> {
  if (!existsSync(join(repository, entry))) throw new PeerMissing(`${entry} does not exist yet`)
  const usual = `${options.journal}${options.nodeOptions === undefined ? '' : '-patched'}`
  const folder = join(cache, 'bench', 'holdfast', options.name ?? usual)
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  mkdirSync(folder, { recursive: true })
  const args = [entry, 'run', ...runFlags(options, folder)]
  const log = join(folder, 'log')
  const launched = launch(process.execPath, args, {
    ...(options.core === undefined ? {} : { core: options.core }),
    cwd: repository,
    env: {
      NODE_ENV: 'production',
      ...(options.nodeOptions === undefined ? {} : { NODE_OPTIONS: options.nodeOptions }),
    },
    outputFile: log,
  })
  const line = await readyLine(launched, log)
  if (line === null) {
    await launched.stop()
    throw new PeerMissing(
      `Holdfast was not ready within ${readyMsMax} ms\n${readFileSync(log, 'utf8').slice(-2000)}${launched.tail()}`,
    )
  }
  const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string }
  const { url, adminUrl } = JSON.parse(line) as { url: string; adminUrl: string }
  return { version: `Holdfast ${version}`, pids: launched.pids, stop: launched.stop, url, adminUrl }
}

/**
 * As the peers do: who leaves is not worked for any more. The mock takes a thousand streams that never end, which no
 * limit that looks for itself would give it.
 */
const settings = { onDisconnect: 'cancel', workers: 1, overload: { limits: 'fixed', callsMax: 4096 } }

const variant = (
  name: string,
  journal: 'memory' | 'sqlite',
  note: string,
  more: Partial<HoldfastOptions> = {},
): Peer => ({
  name,
  note,
  start: (mockUrl, port) =>
    startHoldfast({ upstreamUrl: mockUrl, port, adminPort: 0, journal, settings, name, core: gatewayCore, ...more }),
})

export const holdfast: Peer = variant(
  'holdfast',
  'memory',
  'holdfast: one worker, `--journal memory`, access log on, into a file.',
)
export const holdfastSqlite: Peer = variant(
  'holdfast-sqlite',
  'sqlite',
  'holdfast-sqlite: the same with `--journal sqlite`.',
)
export const holdfastBehind: Peer = variant(
  'holdfast-behind',
  'sqlite',
  'holdfast-behind: with `--journal sqlite` and `journal.delivery: behind`.',
  { settings: { ...settings, journal: { engine: 'sqlite', delivery: 'behind' } } },
)
/** For `bench/record-cost.ts`: what it costs to write down what happens, and what two that are alike differ by. */
const unrecorded = (name: string): Peer =>
  variant(name, 'sqlite', `${name}: with \`--journal sqlite\` and without a record.`, {
    settings: { ...settings, journal: { engine: 'sqlite' }, record: { enabled: false } },
  })
export const holdfastUnrecorded: Peer = unrecorded('holdfast-unrecorded')
export const holdfastUnrecordedToo: Peer = unrecorded('holdfast-unrecorded-too')
export const holdfastTwo: Peer = variant(
  'holdfast-two',
  'sqlite',
  'holdfast-two: with `--journal sqlite` and two workers, on the same one core.',
  { settings: { ...settings, workers: 2, journal: { engine: 'sqlite' } } },
)
export const holdfastOff: Peer = variant(
  'holdfast-off',
  'memory',
  'holdfast-off: the same with a journal that keeps nothing, for this table alone (`node/no-journal.ts`).',
  { nodeOptions: `--import ${join(repository, 'bench/node/no-journal.ts')}` },
)
