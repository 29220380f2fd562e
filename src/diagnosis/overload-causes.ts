/** Causes of having more to do than can be done: too much is asked, too little is there, or it is too slow. */
import { median } from '../ground/theil-sen.ts'
import { upstreamFaults } from '../fault/upstream-faults.ts'
import { type Cause, clue, weight } from './cause.ts'
import type { Scene } from './scene.ts'
import type { Server } from './server.ts'
import type { Sign } from './sign.ts'
import { failedAlike, hangTraits, isPaid } from './traits.ts'
import { loadingPattern, proxyPattern, shortagePattern } from './wordings.ts'
import { culprits, has, inRow, ofAny, said, span } from './words.ts'

const { proof, strong, fair, hint, none, doubt, against } = weight
const overload = { class: 'overload' } as const

export const overloadCauses = {
  'servers-full': {
    ...overload,
    whose: 'gateway',
    title: 'More is asked than the model servers can do',
    sentence: () =>
      'More was asked than the model servers can do, and this call would have waited too long for its turn',
    cure: 'Add a model server, or give the callers that matter most the tier `premium`; `overload.waitMs` says how long each tier waits.',
    explains: { HF_OVERLOADED: strong, HF_QUEUE_TIMEOUT: strong, HF_DEADLINE_TOO_SHORT: hint, HF_DEADLINE: none },
    clues: [
      clue(fair, (scene) => refusedAlike(scene)),
      clue(doubt, (scene) => slowed(scene) !== null && 'the servers are slower than before'),
      clue(doubt, (scene) => lost(scene) !== null && 'servers are missing'),
      clue(against, hangTraits.behindSilence),
    ],
  },
  'servers-missing': {
    ...overload,
    whose: 'upstream',
    title: 'Too few model servers are left',
    sentence: (scene) => `${lost(scene) ?? 'Some servers'} out of use, the others had more work than they can do`,
    cure: 'Bring back what is out of use (`/readyz` says why), or add another model server.',
    explains: { HF_OVERLOADED: hint, HF_QUEUE_TIMEOUT: hint },
    clues: [
      clue(strong, (scene) => lost(scene) && `${lost(scene)} out of use at that time`),
      clue(against, (scene) => lost(scene) === null && 'all servers were in use'),
    ],
  },
  'slow-engine': {
    ...overload,
    whose: 'upstream',
    title: 'The model server is slow',
    sentence: (scene) => `${culprits(scene)} works, but more slowly than this call could wait for`,
    cure: 'See what it has in hand (its own metrics), for throttling of the GPU, and for prompts that are longer than before.',
    explains: {
      HF_FIRST_TOKEN_TIMEOUT: fair,
      HF_DEADLINE: hint,
      HF_OVERLOADED: none,
      HF_QUEUE_TIMEOUT: none,
      HF_DEADLINE_TOO_SHORT: none,
    },
    clues: [
      clue(strong, (scene) => slowed(scene)),
      clue(strong, hangTraits.gotOn),
      clue(fair, (scene) => has(scene, 'HF_DEADLINE') && hadTime(scene)),
      clue(strong, hangTraits.servedAfterwards),
      clue(fair, largeWords),
      clue(fair, hangTraits.othersServed),
      clue(against, hangTraits.saidSo),
      clue(doubt, hangTraits.othersSilent),
      clue(doubt, hangTraits.nobodyServed),
      clue(fair, (scene) => said(scene, /status (408|504)/)),
    ],
  },
  'server-busy': {
    ...overload,
    whose: 'upstream',
    title: 'The model server says that it is full',
    sentence: (scene) => `${culprits(scene)} took no more work and said so`,
    cure: 'Add replicas or lower the load; the limits of the model server itself may be too small.',
    explains: { HF_UPSTREAM_BUSY: strong },
    clues: [
      clue(strong, (scene) => said(scene, /status 5(03|29)/)),
      clue(against, (scene) => said(scene, loadingPattern) ?? said(scene, proxyPattern)),
      clue(against, (scene) => ofAny(scene, (server) => isPaid(server) && `${server.name} is a provider`)),
    ],
  },
  'deadline-too-short': {
    ...overload,
    whose: 'client',
    title: 'The time that was given is too short',
    sentence: ({ call }) =>
      `The time that this call was given ran out after ${span(call?.durationMs ?? 0)}: nobody could have answered within it`,
    cure: 'Allow more time (`x-request-timeout`, `timeouts.totalMs`), or ask for a shorter answer.',
    explains: { HF_DEADLINE_TOO_SHORT: proof, HF_DEADLINE: strong, HF_FIRST_TOKEN_TIMEOUT: doubt },
    clues: [
      clue(
        fair,
        ({ failures, call }) => failures.length === 0 && call !== null && 'no model server had failed it before',
      ),
      clue(against, (scene) => has(scene, 'HF_DEADLINE') && (slowed(scene) ?? hadTime(scene))),
      clue(doubt, hangTraits.saidSo),
    ],
  },
  'gateway-full': {
    ...overload,
    whose: 'gateway',
    title: 'The gateway has as much in hand as it may',
    sentence: (scene) =>
      has(scene, 'HF_STREAM_BUSY')
        ? 'The store of durable streams had as much in hand as it may'
        : 'The gateway had as many calls or bodies in hand as it may',
    cure: 'Raise `limits.callsLiveMax` or `limits.bodiesBytesMax` (for streams `streams.waitersMax` or `streams.readersBytesMax`) if the machine can bear it, or add workers.',
    explains: { HF_QUEUE_FULL: proof, HF_STREAM_BUSY: proof },
    clues: [clue(hint, (scene) => said(scene, /./)), clue(against, (scene) => said(scene, shortagePattern))],
  },
  'gateway-short': {
    ...overload,
    whose: 'gateway',
    title: 'The gateway is short of something itself',
    sentence: ({ pressures, endedMs, call }) => {
      const told = pressures.findLast(({ atMs, resource }) => resource !== null && atMs <= endedMs)
      const refused = shortagePattern.exec(call?.detail ?? '')?.[0]
      const what = refused ? (shortageWords[refused] ?? refused) : (told?.resource ?? call?.detail)
      return `The gateway protects itself: it is short of ${what || 'memory, time or connections'}`
    },
    cure: 'More workers, more memory or a second gateway; the record’s samples say since when (`holdfast tail --kind resource`).',
    explains: { HF_PRESSURE: proof, HF_QUEUE_FULL: none },
    clues: [
      clue(fair, ({ pressures, endedMs }) => {
        const told = pressures.findLast(({ atMs, resource }) => resource !== null && atMs <= endedMs)
        return told ? `${told.node} went to “${told.rung}”: ${told.resource} ${Math.round(100 * told.share)} %` : null
      }),
      clue(proof, (scene) => said(scene, shortagePattern)),
      clue(fair, growth),
    ],
  },
  'caller-quota': {
    ...overload,
    whose: 'client',
    title: 'The caller’s own quota is used up',
    sentence: ({ call }) => `The quota of ${call?.caller ? `the key “${call.caller}”` : 'this caller'} is used up`,
    cure: 'Come back after the time in Retry-After, or raise the limits of that key (`holdfast key limits`).',
    explains: { HF_KEY_UNKNOWN: none, HF_KEY_RATE: proof, HF_KEY_BUDGET: proof },
    clues: [clue(proof, (scene) => has(scene, 'HF_KEY_UNKNOWN') && said(scene, /quota of the key that was sent/))],
  },
  'attempts-spent': {
    ...overload,
    whose: 'upstream',
    title: 'Several servers failed, each in its way',
    sentence: (scene) => `All that could be tried was tried: ${culprits(scene)} failed, each in another way`,
    cure: 'Each attempt below names its own failure; `retries` says how many further ones there may be.',
    explains: { HF_ATTEMPTS_SPENT: hint, ...eachOf(upstreamFaults) },
    clues: [
      clue(proof, eachInItsWay),
      clue(
        against,
        (scene) =>
          scene.failures.length > 0 && eachInItsWay(scene) === null && 'the failures are alike, or there is but one',
      ),
      clue(against, (scene) => failedAlike(scene) && 'they belong together'),
      clue(against, (scene) => !has(scene, 'HF_ATTEMPTS_SPENT') && 'not all tries were used up'),
    ],
  },
} as const satisfies Record<string, Cause>

/** What is short, by the system's word. */
const shortageWords: Readonly<Record<string, string>> = {
  EMFILE: 'open files (`ulimit -n`)',
  ENFILE: 'open files of the whole system',
  ENOBUFS: 'memory for sockets',
  ENOMEM: 'memory',
  EADDRNOTAVAIL: 'free ports',
}

const refusals: ReadonlySet<string> = new Set(['HF_OVERLOADED', 'HF_QUEUE_TIMEOUT', 'HF_DEADLINE_TOO_SHORT'])

function refusedAlike({ others, beganMs }: Scene): string | null {
  const count = others.filter(
    ({ code, atMs }) => code !== null && refusals.has(code) && Math.abs(atMs - beganMs) < 60_000,
  ).length
  return count > 2 ? `${count} other calls were sent away for want of a place in that minute` : null
}

/** Servers of the call: those that failed it, else those that others were sent to for its model, else all. */
function concerned({ call, servers, allServers, others }: Scene): readonly Server[] {
  if (servers.length > 0) return servers
  const alike = others.filter(({ model }) => model === call?.model)
  const names = new Set(alike.flatMap(({ attempts }) => attempts.map(({ upstream }) => upstream)))
  const some = allServers.filter(({ name }) => names.has(name))
  return some.length > 0 ? some : allServers
}

/** Servers that were out of use when it began. */
function lost(scene: Scene): string | null {
  const names = concerned(scene)
    .filter(({ isOut }) => isOut)
    .map(({ name }) => name)
  return names.length === 0 ? null : `${inRow(names)} ${names.length === 1 ? 'was' : 'were'}`
}

/** So much slower than before counts. */
const slowerMin = 2
const answersMin = 3
/** Less than this is no difference: of a time to the first token, and of a token. Milliseconds. */
const leastMs = { first: 100, token: 10, piece: 10 } as const
const measureWords = { first: 'the first token', token: 'a token', piece: 'a token' } as const

/** Answers of the same kind took much longer, token by token or up to the first, than before. */
function slowed(scene: Scene): string | null {
  for (const { name, pace } of concerned(scene)) {
    for (const measure of ['first', 'token', 'piece'] as const) {
      const [before, around] = [pace.before[measure], pace.around[measure]]
      if (before.length < answersMin || around.length < 1) continue
      const [was, is] = [median(before), median(around)]
      if (is >= slowerMin * was && is - was > leastMs[measure])
        return `${measureWords[measure]} of ${name} took ${span(is)}, and ${span(was)} before`
    }
  }
  return null
}

/** A call in one piece was given much more time than any other took before. */
function hadTime({ call, servers }: Scene): string | null {
  if (!call || call.isStream) return null
  for (const { name, pace } of servers) {
    const { whole } = pace.before
    const longestMs = Math.max(...whole)
    if (whole.length >= answersMin && call.durationMs >= slowerMin * longestMs)
      return `it was given ${span(call.durationMs)}, and ${name} took ${span(longestMs)} at most before`
  }
  return null
}

/** From here on a request is a long one, if others are so much shorter. */
const largeBytesMin = 16_384
const largerMin = 10

function largeWords({ call, others }: Scene): string | null {
  const alike = others.filter(({ model }) => model === call?.model)
  if (!call || call.requestBytes < largeBytesMin || alike.length === 0) return null
  const usual = median(alike.map(({ requestBytes }) => requestBytes))
  return call.requestBytes >= largerMin * usual
    ? `its request is ${Math.round(call.requestBytes / 1024)} KiB, others are of ${(usual / 1024).toFixed(1)} KiB`
    : null
}

const samplesMin = 6

/** The memory of a process that grew all the time. */
function growth({ resources, endedMs }: Scene): string | null {
  const byNode = Map.groupBy(
    resources.filter(({ atMs }) => atMs <= endedMs),
    ({ node }) => node,
  )
  for (const [node, samples] of byNode) {
    const [first, last] = [samples[0], samples.at(-1)]
    if (!first || !last || samples.length < samplesMin || last.residentBytes < 1.5 * first.residentBytes) continue
    const size = (bytes: number): number => Math.round(bytes / 2 ** 20)
    return `${node} grew from ${size(first.residentBytes)} to ${size(last.residentBytes)} MiB in ${span(last.atMs - first.atMs)}`
  }
  return null
}

/** It claims no failure for itself, and leaves none over. */
function eachOf(faults: object): Partial<Record<Sign, number>> {
  return Object.fromEntries(Object.keys(faults).map((code) => [code, none]))
}

/** Servers of which no two failed in the same way. */
function eachInItsWay({ servers }: Scene): string | null {
  const ways = servers.map(({ own }) => new Set(own.map(({ attempt: { code } }) => code)))
  const codes = ways.flatMap((way) => [...way])
  return ways.length > 1 && new Set(codes).size === codes.length
    ? `${codes.length} failures that have nothing in common`
    : null
}
