/** Causes that were meant to happen: restarts, deploys, windows. */
import { momentWords } from '../fault/fault.ts'
import type { DeployFact, MaintenanceFact } from '../observe/fact.ts'
import { type Cause, clue, weight } from './cause.ts'
import type { Scene } from './scene.ts'
import { loadingPattern } from './wordings.ts'
import { apart, clock, culprits, inRow, ofAny, offeredBefore, said } from './words.ts'

const { proof, strong, fair, hint, none, doubt, against } = weight
const maintenance = { class: 'maintenance', whose: 'operator' } as const
const nearMs = 60_000
const dayMs = 86_400_000
/** Later ones are no moments of a `Date`. */
const momentMax = 8e15
/** One that came back so shortly before is a new one. */
const freshMs = 120_000

export const maintenanceCauses = {
  'gateway-restart': {
    ...maintenance,
    title: 'The gateway was being restarted or stopped',
    sentence: () => 'The gateway was shutting down or being restarted while this call was under way',
    cure: 'Nothing to do: another try reaches the successor. `limits.drainMs` and `limits.retireMs` say how long answers may take to finish.',
    explains: { HF_CLOSING: proof, ADOPTED: hint, HF_LEASE_LOST: none },
    clues: [
      clue(strong, (scene) => {
        const deploy = deployNear(scene)
        return deploy && `${deployWords(deploy)} ${apart(deploy.atMs, scene.endedMs)} its end`
      }),
      clue(fair, ({ workers, endedMs }) => {
        const gone = workers.findLast(
          ({ state, isExpected, atMs }) =>
            isExpected && (state === 'draining' || state === 'exited') && Math.abs(atMs - endedMs) < nearMs,
        )
        return gone ? `worker ${gone.number} was to end (${gone.state} at ${clock(gone.atMs)})` : null
      }),
      clue(against, ({ workers, endedMs, beganMs }) => {
        const died = workers.find(
          ({ state, isExpected, atMs }) =>
            !isExpected && state === 'exited' && atMs >= beganMs && atMs <= endedMs + nearMs,
        )
        return died ? `worker ${died.number} died, and was not to` : null
      }),
    ],
  },
  'server-deploy': {
    ...maintenance,
    title: 'The model server was being deployed, or is worse since',
    sentence: (scene) =>
      `${culprits(scene)} came back only just before, and has not worked since: a deploy that went wrong, or is not done`,
    cure: 'Go back to the release before, or look why the new one fails; give it longer to be ready before it is asked.',
    explains: {
      HF_UPSTREAM_ERROR: hint,
      HF_UPSTREAM_MODEL_MISSING: hint,
      HF_UPSTREAM_REFUSED: none,
      HF_UPSTREAM_GARBLED: hint,
      HF_UPSTREAM_BUSY: none,
      HF_UPSTREAM_CUT: none,
      HF_UPSTREAM_RESET: none,
    },
    clues: [
      clue(strong, (scene) =>
        ofAny(scene, (server) => {
          const { returnedMs, failedMs, name } = server
          return (
            returnedMs !== null &&
            failedMs - returnedMs < freshMs &&
            `${name} came back ${apart(returnedMs, failedMs)} the failure`
          )
        }),
      ),
      clue(strong, (scene) =>
        ofAny(scene, ({ returnedMs, others, name, failedMs }) => {
          if (returnedMs === null) return null
          const since = others.filter(({ beganMs }) => beganMs >= returnedMs)
          const before = others.filter(
            ({ attempt, endedMs }) => attempt.code === null && endedMs < returnedMs && endedMs < failedMs,
          )
          return since.length > 0 && before.length > 0 && since.every(({ attempt }) => attempt.code !== null)
            ? `all ${since.length} other calls on ${name} failed since, and went well before`
            : null
        }),
      ),
      clue(proof, (scene) => said(scene, loadingPattern)),
      clue(
        against,
        (scene) =>
          said(scene, loadingPattern) === null &&
          scene.servers.every(({ returnedMs, failedMs }) => returnedMs === null || failedMs - returnedMs > freshMs) &&
          'no server had come back shortly before',
      ),
    ],
  },
  'planned-maintenance': {
    ...maintenance,
    title: 'Planned maintenance',
    sentence: (scene) => {
      const window = windowFor(scene)
      if (window) return `There was planned maintenance (${windowWords(window)})`
      const { detail = '' } = scene.signs.has('HF_MAINTENANCE') ? (scene.call ?? {}) : {}
      return `The service was in planned maintenance${detail === '' ? '' : ` ${detail}`}`
    },
    cure: 'Nothing to do: callers were told when it ends. `holdfast maintenance list` shows what is to come.',
    explains: {
      HF_MAINTENANCE: proof,
      HF_UPSTREAM_REFUSED: fair,
      HF_UPSTREAM_RESET: fair,
      HF_UPSTREAM_CUT: fair,
      HF_CONNECT_TIMEOUT: fair,
      HF_NO_ROUTE: fair,
      HF_NO_UPSTREAM: fair,
    },
    clues: [
      clue(proof, (scene) => {
        const window = windowFor(scene)
        return window && `${windowWords(window)} was in force`
      }),
      clue(
        against,
        (scene) => windowFor(scene) === null && !scene.signs.has('HF_MAINTENANCE') && 'no maintenance was in force',
      ),
    ],
  },
  'config-change': {
    ...maintenance,
    title: 'A change of the configuration',
    sentence: (scene) => {
      const changed = changedFor(scene)
      return `The configuration was changed shortly before${changed ? ` (${changed})` : ''}, and this goes wrong since`
    },
    cure: 'Take the change back, or mend it: `holdfast check` names what is wrong.',
    explains: {
      HF_CONFIG: fair,
      HF_UPSTREAM_REFUSED: none,
      HF_DNS_FAILED: hint,
      HF_UPSTREAM_KEY_REFUSED: fair,
      HF_UPSTREAM_MODEL_MISSING: hint,
      HF_MODEL_UNKNOWN: hint,
      HF_KEY_UNKNOWN: none,
      HF_ROUTE_UNSPOKEN: fair,
      HF_NO_ROUTE: hint,
      HF_CONNECT_TIMEOUT: hint,
    },
    clues: [
      clue(proof, (scene) => {
        const changed = changedFor(scene)
        return changed && `${changed} was changed shortly before`
      }),
      clue(doubt, (scene) => changedFor(scene) === null && 'nothing that concerns it was changed in the time before'),
      clue(strong, (scene) => offeredBefore(scene)),
      clue(
        against,
        (scene) =>
          scene.call?.code === 'HF_MODEL_UNKNOWN' && offeredBefore(scene) === null && 'nobody was served it before',
      ),
      clue(
        against,
        ({ configs }) => !configs.some(({ state }) => state === 'changed') && 'the configuration was not changed',
      ),
    ],
  },
} as const satisfies Record<string, Cause>

/** A window in force then that has to do with the call: with one of its servers or its model, or that closed it. */
function windowFor({ maintenances, servers, call, signs, beganMs, endedMs }: Scene): MaintenanceFact | null {
  const inForce = maintenances.filter(({ beginMs, endMs }) => beginMs <= endedMs && endMs >= beganMs)
  const own = inForce.findLast(
    ({ upstreams, models }) =>
      models.includes(call?.model ?? '') || servers.some(({ name }) => upstreams.includes(name)),
  )
  return own ?? (signs.has('HF_MAINTENANCE') ? inForce.at(-1) : null) ?? null
}

function windowWords({ title, beginMs, endMs, upstreams, models }: MaintenanceFact): string {
  const about = inRow([...upstreams, ...models])
  return `“${title}”${about === '' ? '' : ` of ${about}`}, ${spanWords(beginMs, endMs)}`
}

/** With the days, where it is not over within a few hours. */
function spanWords(beginMs: number, endMs: number): string {
  const isLong = endMs - beginMs >= dayMs / 2 && Math.abs(beginMs) < momentMax && Math.abs(endMs) < momentMax
  return isLong ? `${momentWords(beginMs)} to ${momentWords(endMs)}` : `${minute(beginMs)} to ${minute(endMs)} UTC`
}

const minute = (atMs: number): string => clock(atMs).slice(0, 5)

function deployNear({ deploys, beganMs, endedMs }: Scene): DeployFact | null {
  return (
    deploys.findLast(
      ({ state, atMs }) =>
        state !== 'started' && state !== 'restart-failed' && atMs >= beganMs - nearMs && atMs <= endedMs + 1000,
    ) ?? null
  )
}

function deployWords({ state, version, versionBefore }: DeployFact): string {
  const versions = version === versionBefore ? version : `${versionBefore} to ${version}`
  return `the gateway (${versions}) was ${state === 'stopping' || state === 'stopped' ? 'stopped' : 'restarted'}`
}

/** Settings that were changed before it and have to do with it. */
function changedFor({ configs, servers, call, beganMs }: Scene): string | null {
  const isOfOffer = call?.code === 'HF_MODEL_UNKNOWN' || call?.code === 'HF_ROUTE_UNSPOKEN'
  const about = [
    ...servers.map(({ name }) => `upstreams.${name}`),
    ...(call?.model ? [`models.${call.model}`] : []),
    'keys',
    'pools',
  ]
  for (const { changed, atMs, state } of configs.toReversed()) {
    if (state !== 'changed' || atMs > beganMs) continue
    const path = changed.find(
      (each) =>
        about.some((name) => each === name || each.startsWith(`${name}.`)) ||
        (isOfOffer && /^(upstreams|models)\b/.test(each)),
    )
    if (path) return path
  }
  return null
}
