/** Findings that several causes share, for or against. */
import type { EngineFact } from '../observe/fact.ts'
import type { Scene } from './scene.ts'
import { hadConnection, type Server } from './server.ts'
import { memoryPattern } from './wordings.ts'
import { apart, inRow, ofAny, said } from './words.ts'

/** Two things so near each other are one event. */
const togetherMs = 1500
/** One that died is gone at once; one that restarts may be back within this. */
const goneMs = 10_000
/** What follows so soon belongs to it. */
const soonMs = 10_000

export const crashTraits = {
  goneAfterwards: (scene: Scene): string | null =>
    ofAny(
      scene,
      (server) =>
        isBroken(server) && server.isGoneAfter(goneMs) && `${server.name} could not be reached right afterwards`,
    ),
  /** It had answered, and then refused: it was there before. */
  wasAtWork: (scene: Scene): string | null =>
    ofAny(
      scene,
      (server) => server.wasWell && isRefused(server) && `${server.name} had answered before, and then refused`,
    ),
  exited: (scene: Scene): string | null => ofAny(scene, exitWords),
  /** Two servers or more that went away with this very call in hand. */
  oneAfterTheOther: ({ servers }: Scene): string | null => {
    const died = servers.filter((server) => isBroken(server) && server.isGoneAfter(goneMs)).map(({ name }) => name)
    return died.length > 1 ? `${inRow(died)} went away with this call in hand, one after the other` : null
  },
  tookOthersAlong: (scene: Scene): string | null =>
    ofAny(scene, (server) => {
      const count = server.brokenNear(togetherMs)
      return count > 0 && `${count} other ${count === 1 ? 'call' : 'calls'} broke on ${server.name} in the same moment`
    }),
}

export const hangTraits = {
  saidSo: (scene: Scene): string | null =>
    ofAny(
      scene,
      ({ name, news, own, failedMs }) =>
        (news.some(({ state, atMs }) => state === 'hung' && Math.abs(atMs - failedMs) < 60_000) ||
          own.some(({ attempt }) => attempt.detail.startsWith('no answer of the server got on'))) &&
        `no answer of ${name} got on`,
    ),
  othersSilent: (scene: Scene): string | null =>
    ofAny(scene, (server) => {
      const count = server.silentNear(30_000)
      return (
        count > 0 && `${count} other ${count === 1 ? 'call' : 'calls'} on ${server.name} got no further at that time`
      )
    }),
  nobodyServed: (scene: Scene): string | null =>
    ofAny(
      scene,
      (server) =>
        isSilent(server) && server.servedMeanwhile === 0 && `${server.name} gave no whole answer to anybody meanwhile`,
    ),
  othersServed: (scene: Scene): string | null =>
    ofAny(
      scene,
      (server) =>
        isSilent(server) &&
        server.servedMeanwhile > 0 &&
        `${server.name} answered ${server.servedMeanwhile} other calls meanwhile`,
    ),
  wasAtWork: (scene: Scene): string | null =>
    ofAny(scene, ({ name, wasWell }) => wasWell && `${name} had answered before`),
  /** It waited for its turn behind calls for the same model, of which none got on. */
  behindSilence: ({ call, others, beganMs, endedMs, failures }: Scene): string | null => {
    if (!call || failures.length > 0 || !turnedAway.has(call.code ?? '')) return null
    const beside = others
      .filter(({ model }) => model === call.model)
      .flatMap(({ attempts, atMs, durationMs }) =>
        attempts.map((attempt) => ({ attempt, fromMs: atMs - durationMs + attempt.afterMs })),
      )
      .filter(({ attempt, fromMs }) => fromMs < endedMs && fromMs + attempt.durationMs > beganMs)
    const silent = beside.filter(({ attempt: { code } }) => code !== null && silentCodes.has(code))
    const isAtWork = beside.some(({ attempt }) => attempt.code === null)
    const names = inRow(silent.map(({ attempt }) => attempt.upstream))
    return silent.length > 0 && !isAtWork ? `${names} gave nothing to those that were before it in the line` : null
  },
  /** The engine itself worked on, by its own counters. */
  gotOn: (scene: Scene): string | null => said(scene, /though the engine got on/),
  servedAfterwards: (scene: Scene): string | null =>
    ofAny(
      scene,
      (server) =>
        isSilent(server) &&
        server.servedAfter(soonMs) > 0 &&
        !server.wasOutAfter(soonMs) &&
        `${server.name} answered others right afterwards`,
    ),
  /** Not even a connection comes up: the system of a process that hangs still takes them. */
  unreachable: (scene: Scene): string | null =>
    ofAny(scene, (server) => server.isUnreachableAfter(soonMs) && `connections to ${server.name} came up no more`),
  /** The system took the connection, the process said nothing on it. */
  handshakeSilent: (scene: Scene): string | null =>
    ofAny(
      scene,
      ({ own, wasWell }) =>
        wasWell &&
        (own.find(({ attempt }) => attempt.code === 'HF_CONNECT_TIMEOUT' && hadConnection(attempt.detail))?.attempt
          .detail ??
          null),
    ),
}

const turnedAway: ReadonlySet<string> = new Set(['HF_QUEUE_TIMEOUT', 'HF_OVERLOADED'])
const silentCodes: ReadonlySet<string> = new Set(['HF_FIRST_TOKEN_TIMEOUT', 'HF_UPSTREAM_STALLED'])

/** A connection broke while it had the call in hand; where the wire sent it once more at once, the words tell. */
export function isBroken({ own }: Server): boolean {
  return own.some(
    ({ attempt: { code, detail } }) =>
      code === 'HF_UPSTREAM_CUT' || code === 'HF_UPSTREAM_RESET' || detail.includes('sent before on a kept connection'),
  )
}

function isRefused(server: Server): boolean {
  return server.own.length === 0
    ? server.isOut
    : server.own.some(({ attempt }) => attempt.code === 'HF_UPSTREAM_REFUSED')
}

function isSilent({ own }: Server): boolean {
  return own.some(
    ({ attempt }) =>
      attempt.code === 'HF_FIRST_TOKEN_TIMEOUT' ||
      attempt.code === 'HF_UPSTREAM_STALLED' ||
      (attempt.code === 'HF_CONNECT_TIMEOUT' && hadConnection(attempt.detail)),
  )
}

/** Its exit that fits the failure in time. */
function exitNear({ exits, failedMs }: Server): EngineFact | null {
  return exits.findLast(({ atMs }) => Math.abs(atMs - failedMs) < 30_000) ?? null
}

/** `exit code 134 2 s before: …`, of a server that this gateway supervises. */
export function exitWords(server: Server): string | null {
  const fact = exitNear(server)
  if (!fact?.exit) return null
  const { signal, exitCode, stderrTail } = fact.exit
  // One that was killed had no time for last words.
  const lastLine = signal === 'SIGKILL' ? '' : (stderrTail.trim().split('\n').at(-1)?.slice(0, 120) ?? '')
  return `${signal ?? `exit code ${exitCode ?? '?'}`}, ${apart(fact.atMs, server.failedMs)} the failure${lastLine ? `: ${lastLine}` : ''}`
}

export function killedBy(signal: string): (server: Server) => string | null {
  return (server) => (exitNear(server)?.exit?.signal === signal ? signal : null)
}

/** What its last words say of memory. */
export function memoryWords(server: Server): string | null {
  const tail = exitNear(server)?.exit?.stderrTail ?? ''
  const line = tail.split('\n').find((each) => memoryPattern.test(each))
  return line ? `its last words: ${line.trim().slice(0, 160)}` : null
}

/** Its memory grew by half or more while it was watched. */
export function grewWords({ name, news }: Server): string | null {
  const sizes = news.flatMap((fact) =>
    fact.kind === 'engine' && fact.residentBytes !== null ? [fact.residentBytes] : [],
  )
  const [first = 0, last = 0] = [sizes[0], sizes.at(-1)]
  return first > 0 && last >= 1.5 * first ? `the memory of ${name} grew from ${mebi(first)} to ${mebi(last)} MiB` : null
}

function mebi(bytes: number): number {
  return Math.round(bytes / 2 ** 20)
}

/** Upstreams of one provider, or on one host, that failed this call in the same way: their names, two or more. */
export function failedAlike({ servers }: Scene): string | null {
  const groups = new Map<string, Set<string>>()
  for (const server of servers) {
    const code = server.own.at(-1)?.attempt.code
    if (!code || !server.place) continue
    const { kind, host } = server.place
    // An outage of a provider has more than one face.
    const key = isPaid(server) ? `${outages.has(code) ? 'outage' : code} ${kind}` : `${code} ${host}`
    const names = groups.get(key)
    if (names) names.add(server.name)
    else groups.set(key, new Set([server.name]))
  }
  for (const names of groups.values()) if (names.size > 1) return inRow([...names])
  return null
}

const outages: ReadonlySet<string> = new Set([
  'HF_UPSTREAM_ERROR',
  'HF_UPSTREAM_BUSY',
  'HF_FIRST_TOKEN_TIMEOUT',
  'HF_CONNECT_TIMEOUT',
])

/** Kinds of providers that are paid for, and run by somebody else. */
const paidKinds: ReadonlySet<string> = new Set(['openai', 'anthropic', 'mistral', 'deepseek'])

export function isPaid({ place }: Server): boolean {
  return place !== null && paidKinds.has(place.kind)
}
