/**
 * Looks at what a good configuration stands on, as a doctor would: whether each upstream answers and offers what is
 * asked of it, how long certificates are good for, whether there is a place for state and a free port. Asks for no
 * token.
 */
import { accessSync, constants, existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, resolve } from 'node:path'
import type { Config } from '../config.ts'
import { faultKind } from '../fault/code.ts'
import { toFault } from '../fault/fault.ts'
import { systemClock } from '../ground/clock.ts'
import { readKeys } from '../house/secrets.ts'
import { readRoom } from '../observe/vital-signs.ts'
import { lookAtCertificate } from '../relay/wire/certificate-look.ts'
import type { PeerBook } from '../relay/wire/peer-files.ts'
import { openFiles } from '../house/tls/tls-desk.ts'
import { probe } from '../relay/wire/probe.ts'
import { Wires } from '../relay/wire/wires.ts'
import { readPidFile } from './restart.ts'

export interface Finding {
  /** `upstream gpu1`, `model chat`, `state folder`, `port 5020`. */
  readonly about: string
  readonly level: 'well' | 'warning' | 'trouble'
  readonly words: string
  /** What to do; empty where all is well. */
  readonly cure: string
  /** The fault that calls would meet; null for none. */
  readonly code: string | null
}

const timeoutMs = 5000
/** Asked together. */
const crowd = 16
const dayMs = 86_400_000
const certificateDaysMin = 21

/** Never rejects: what cannot be looked at is a finding. `nowMs`: wall time. */
export async function examine(config: Config, nowMs: number): Promise<readonly Finding[]> {
  const offers = new Map<string, ReadonlySet<string> | null>()
  const findings: Finding[] = []
  const upstreams = Object.entries(config.upstreams)
  const wires = new Wires(systemClock, config.upstreams)
  for (let i = 0; i < upstreams.length; i += crowd) {
    const some = upstreams.slice(i, i + crowd)
    findings.push(...(await Promise.all(some.map(([name, options]) => askUpstream(name, options, offers, wires)))))
    const looks = some.map(([name, { url }]) => lookAtDates(name, new URL(url), nowMs))
    findings.push(...(await Promise.all(looks)).flat())
  }
  findings.push(...ownDates(config, nowMs), ...unofferedModels(config, offers), await stateFinding(config))
  if (!isRunning(config.stateDir)) findings.push(...(await portFindings(config)))
  return findings
}

type UpstreamOptions = Config['upstreams'][string]

async function askUpstream(
  name: string,
  options: UpstreamOptions,
  offers: Map<string, ReadonlySet<string> | null>,
  peers: PeerBook,
): Promise<Finding> {
  const about = `upstream ${name}`
  const { url, models: named } = options
  const [key = null] = readKeys(name, options)
  try {
    const beganMs = performance.now()
    const { models } = await probe(new URL(url), { kind: options.kind ?? 'compatible', key }, timeoutMs, peers)
    const tookMs = Math.round(performance.now() - beganMs)
    const offered = named ?? models
    offers.set(name, offered ? new Set(offered) : null)
    if (!offered) return trouble(about, 'it answers, but shows no list of models', unlistedCure, 'HF_NO_UPSTREAM')
    if (offered.length === 0)
      return trouble(about, 'it answers, but has no model loaded', 'Load one.', 'HF_NO_UPSTREAM')
    return well(about, `answers in ${tookMs} ms, offers ${listed(offered)}`)
  } catch (thrown) {
    const { code, detail } = toFault(thrown)
    const { title, cure } = faultKind(code)
    return trouble(about, `${title}${detail === '' ? '' : `: ${detail}`}`, cure, code)
  }
}

const unlistedCure = 'Check the URL (most end in /v1) and the key, or name its `models` in the configuration.'

async function lookAtDates(name: string, url: URL, nowMs: number): Promise<Finding[]> {
  if (url.protocol !== 'https:') return []
  const dates = await lookAtCertificate(url, timeoutMs)
  if (!dates) return []
  return endOf(name, dates.untilMs, nowMs)
}

/** Of those that callers are shown. */
function ownDates({ tls }: Config, nowMs: number): Finding[] {
  return openFiles(tls).flatMap(({ pair, paths }) => endOf(pair.names[0] ?? paths.cert, pair.untilMs, nowMs))
}

function endOf(name: string, untilMs: number, nowMs: number): Finding[] {
  const days = Math.floor((untilMs - nowMs) / dayMs)
  if (days >= certificateDaysMin) return []
  const words = days < 0 ? `ran out ${-days} days ago` : `runs out in ${days} days`
  const finding = { about: `certificate of ${name}`, words, cure: 'Have it renewed.', code: 'HF_TLS_CERTIFICATE' }
  return [{ ...finding, level: days < 0 ? 'trouble' : 'warning' }]
}

/** Models that the configuration names and nobody offers; an upstream that keeps silent may be the one that does. */
function unofferedModels(
  { models, pools, upstreams }: Config,
  offers: ReadonlyMap<string, ReadonlySet<string> | null>,
): Finding[] {
  return Object.entries(models).flatMap(([model, { as = model, pool }]) => {
    const members =
      pool === undefined
        ? Object.keys(upstreams)
        : (pools[pool]?.upstreams ?? []).map((each) => (typeof each === 'string' ? each : each.name))
    const known = members.map((name) => offers.get(name))
    if (known.some((each) => !each || each.has(as))) return []
    const words = `no upstream of ${pool === undefined ? 'any pool' : `pool ${pool}`} offers ${as}`
    return [trouble(`model ${model}`, words, 'Load it there, or correct its name (`as`).', 'HF_MODEL_UNKNOWN')]
  })
}

async function stateFinding({ stateDir, protection }: Config): Promise<Finding> {
  const about = 'state folder'
  let folder = resolve(stateDir)
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  try {
    accessSync(folder, constants.W_OK)
  } catch {
    return trouble(about, `${folder} cannot be written`, 'Give it to the user of the gateway, or set `stateDir`.', null)
  }
  const room = await readRoom(folder)
  if (room && room.freeBytes < protection.diskFreeBytesMin) {
    const words = `${Math.round(room.freeBytes / 2 ** 20)} MiB are free at ${folder}`
    return trouble(about, words, 'Make room: below `protection.diskFreeBytesMin` no call is taken.', 'HF_PRESSURE')
  }
  return well(about, `${folder} can be written`)
}

function isRunning(stateDir: string): boolean {
  try {
    readPidFile(stateDir)
    return true
  } catch {
    return false
  }
}

async function portFindings({ listeners, tls, admin, status: { page } }: Config): Promise<Finding[]> {
  const fixed = [
    ...listeners,
    ...(tls.redirect ? [tls.redirect] : []),
    admin,
    ...(admin.remote ? [admin.remote] : []),
    { host: page.host, port: page.port ?? 0 },
  ].filter(({ port }) => port !== 0)
  const found = await Promise.all(fixed.map(({ host, port }) => tryPort(host, port)))
  return found.filter((each) => each !== null)
}

function tryPort(host: string, port: number): Promise<Finding | null> {
  const { promise, resolve: found } = Promise.withResolvers<Finding | null>()
  const server = createServer()
  server.once('error', ({ code }: NodeJS.ErrnoException) =>
    found(trouble(`port ${port}`, `cannot be taken at ${host} (${code})`, 'Choose another, or end who has it.', null)),
  )
  server.listen({ host, port, exclusive: true }, () => server.close(() => found(null)))
  return promise
}

function well(about: string, words: string): Finding {
  return { about, level: 'well', words, cure: '', code: null }
}

function trouble(about: string, words: string, cure: string, code: string | null): Finding {
  return { about, level: 'trouble', words, cure, code }
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(', ')
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown
}
