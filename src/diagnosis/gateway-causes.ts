/** Causes in the gateway itself: its processes, its disk, its configuration, its mistakes. */
import { type Cause, clue, weight } from './cause.ts'
import type { WorkerFact } from '../observe/fact.ts'
import type { Scene } from './scene.ts'
import { redirectPattern } from './wordings.ts'
import { apart, clock, culprits, has, said } from './words.ts'

const { proof, strong, fair, hint, none, doubt, against } = weight
const gateway = { class: 'gateway', whose: 'gateway' } as const
const nearMs = 60_000

export const gatewayCauses = {
  'gateway-crash': {
    ...gateway,
    title: 'A process of the gateway died',
    sentence: (scene) => {
      const how = deathWords(scene)
      return `The gateway’s process that had this answer in hand died${how ? ` (${how})` : ''}`
    },
    cure: 'Look at the log and the system’s (`dmesg`) at this time; out of memory is the usual reason. A bug is ours: please report it.',
    explains: { HF_NOT_ADOPTABLE: proof, ADOPTED: strong, HF_LEASE_LOST: hint },
    clues: [
      clue(strong, deathWords),
      clue(against, hungWords),
      clue(
        doubt,
        (scene) => !has(scene, 'HF_NOT_ADOPTABLE') && deathWords(scene) === null && 'no death of a process was seen',
      ),
      clue(against, ({ workers, beganMs, endedMs }) => {
        const gone = workers.find(
          (worker) =>
            worker.isExpected &&
            worker.state === 'exited' &&
            worker.atMs >= beganMs &&
            worker.atMs <= endedMs &&
            !isStillborn(worker, workers),
        )
        return gone ? `worker ${gone.number} was to end` : null
      }),
    ],
  },
  'gateway-stalled': {
    ...gateway,
    title: 'A process of the gateway was silent for too long',
    sentence: () =>
      'The gateway’s process was held up for longer than its hold on the answer lasts, and another went on with it',
    cure: 'The machine is too busy for `journal.leaseMs`: give the gateway more of it, or a longer lease.',
    explains: { HF_LEASE_LOST: strong, ADOPTED: hint },
    clues: [
      clue(strong, (scene) => has(scene, 'HF_LEASE_LOST') && 'it came back later, and found that another had gone on'),
      clue(strong, hungWords),
      clue(fair, ({ resources, beganMs, endedMs }) => {
        const late = resources.find(
          ({ loopDelayMs, atMs }) => loopDelayMs > 1000 && atMs >= beganMs && atMs <= endedMs + nearMs,
        )
        return late ? `timers of ${late.node} came ${Math.round(late.loopDelayMs)} ms late` : null
      }),
    ],
  },
  'no-server-left': {
    ...gateway,
    whose: 'upstream',
    title: 'No model server is in use',
    sentence: () => 'Every model server for this model was down or resting after failures',
    cure: 'Look at the upstreams in /readyz and at their logs; start one, or add another to the pool.',
    explains: { HF_NO_UPSTREAM: fair },
    clues: [
      clue(strong, (scene) => said(scene, /connections are in use|no connection became free/)),
      clue(hint, (scene) => said(scene, /has not come up yet|no upstream of the pool/)),
    ],
  },
  'disk-full': {
    ...gateway,
    whose: 'operator',
    title: 'Answers can no longer be kept',
    sentence: (scene) =>
      said(scene, /ENOSPC|disk|SQLITE_FULL|full/i)
        ? 'The disk of the journal is full or refuses writes, so no answer can be kept safe'
        : 'The journal is as large as it may be, so no answer can be kept safe',
    cure: 'Free disk space in the state folder, or raise `journal.totalBytesMax`.',
    explains: { HF_JOURNAL_FULL: proof, HF_STREAMS_FULL: proof },
    clues: [
      clue(fair, ({ resources, endedMs }) => {
        const last = resources.findLast(({ atMs, diskFreeBytes }) => atMs <= endedMs + nearMs && diskFreeBytes !== null)
        return last && (last.diskFreeBytes ?? 1e12) < 256 * 2 ** 20
          ? `${Math.round((last.diskFreeBytes ?? 0) / 2 ** 20)} MiB were left on the disk`
          : null
      }),
      clue(fair, ({ journal }) => {
        const full = journal.at(-1)
        return full ? `the journal was ${full.state}: ${full.detail.slice(0, 120)}` : null
      }),
    ],
  },
  'bad-configuration': {
    ...gateway,
    whose: 'operator',
    title: 'The configuration is wrong',
    sentence: (scene) =>
      said(scene, redirectPattern)
        ? `The address of ${culprits(scene)} sends callers elsewhere: its URL is not right any more`
        : has(scene, 'HF_UPSTREAM_ERROR')
          ? `The URL of ${culprits(scene)} leads to something that is no model API`
          : 'The configuration does not allow this call to be served',
    cure: '`holdfast check` names the file, the line and the cure.',
    explains: { HF_CONFIG: proof, HF_ROUTE_UNSPOKEN: proof, HF_UPSTREAM_ERROR: doubt, HF_UPSTREAM_GARBLED: doubt },
    clues: [
      clue(proof, (scene) => has(scene, 'HF_UPSTREAM_GARBLED') && said(scene, redirectPattern)),
      clue(proof, (scene) => has(scene, 'HF_UPSTREAM_ERROR') && said(scene, /status 404/)),
    ],
  },
  loop: {
    ...gateway,
    whose: 'operator',
    title: 'The call runs in a circle',
    sentence: () => 'The call came back to a gateway that it had passed before',
    cure: 'An upstream’s URL points back at the gateway: correct it.',
    explains: { HF_LOOP: proof },
    clues: [],
  },
  'gateway-bug': {
    ...gateway,
    title: 'A mistake of the gateway',
    sentence: ({ call }) =>
      `The gateway made a mistake of its own${call?.detail ? `: ${call.detail.slice(0, 200)}` : ''}`,
    cure: 'A bug of ours: please report it with the Ray ID and the log lines around it.',
    explains: { HF_INTERNAL: proof },
    clues: [],
  },
  'replica-starting': {
    ...gateway,
    whose: 'operator',
    title: 'No replica of the model was running',
    sentence: () => 'No replica of the model was running, and the one that was being started was not ready in time',
    cure: '`holdfast fleet` shows the replicas and their last words. Keep one running (`replicas.min`), or let calls wait longer (`replicas.holdMs`).',
    explains: { HF_STARTING: strong },
    clues: [],
  },
  'server-drained': {
    ...gateway,
    whose: 'operator',
    title: 'A model server that was taken out of service',
    sentence: () => 'The model server was taken out of service, and no other one could go on with the answer',
    cure: 'Keep another server that offers the model before one is drained; `holdfast fleet` shows who is there.',
    explains: { HF_UPSTREAM_DRAINED: strong },
    clues: [],
  },
  'bad-gateway-deploy': {
    ...gateway,
    whose: 'operator',
    title: 'A deploy of the gateway that does not start',
    sentence: ({ deploys }) => {
      const reason = deploys.findLast(({ state }) => state === 'restart-failed')?.reason
      return `New processes of the gateway do not start${reason ? `: ${reason.slice(0, 160)}` : ''}`
    },
    cure: 'The old ones go on where there are any. Mend what the reason says, and `holdfast restart` again.',
    explains: { HF_CLOSING: none, ADOPTED: none, HF_NOT_ADOPTABLE: none },
    clues: [
      clue(strong, ({ deploys, endedMs }) => {
        const failed = deploys.find(
          ({ state, atMs }) => state === 'restart-failed' && Math.abs(atMs - endedMs) < nearMs,
        )
        return failed ? `a restart failed ${apart(failed.atMs, endedMs)} its end` : null
      }),
      clue(proof, (scene) => {
        const { workers, adoptions, endedMs } = scene
        const fromMs = deathOf(scene)?.atMs ?? scene.beganMs
        const toMs = adoptions[0]?.atMs ?? endedMs
        const count = workers.filter(
          (worker) =>
            worker.state === 'exited' && worker.atMs > fromMs && worker.atMs <= toMs && isStillborn(worker, workers),
        ).length
        return count > 1 ? `${count} processes that were to take its place ended before they served` : null
      }),
      clue(doubt, ({ deploys }) => !deploys.some(({ state }) => state === 'restart-failed') && 'no restart had failed'),
    ],
  },
} as const satisfies Record<string, Cause>

/** A worker that its supervisor killed, since it said nothing any more. */
function hungWords({ workers, beganMs, endedMs }: Scene): string | null {
  const hung = workers.find(({ state, atMs }) => state === 'hung' && atMs >= beganMs && atMs <= endedMs + nearMs)
  return hung ? `worker ${hung.number} said nothing for too long and was killed at ${clock(hung.atMs)}` : null
}

/** It ended before it had served anybody, so it had no answer in hand. */
function isStillborn({ pid }: WorkerFact, workers: readonly WorkerFact[]): boolean {
  const states = new Set(workers.filter((worker) => worker.pid === pid).map(({ state }) => state))
  return states.has('started') && !states.has('ready')
}

/** A worker that died in the time of the call, and was not to. */
function deathOf({ workers, beganMs, endedMs }: Scene): WorkerFact | null {
  return (
    workers.findLast(
      (worker) =>
        worker.state === 'exited' &&
        !worker.isExpected &&
        worker.atMs >= beganMs - 1000 &&
        worker.atMs <= endedMs + nearMs &&
        !isStillborn(worker, workers),
    ) ?? null
  )
}

function deathWords(scene: Scene): string | null {
  const died = deathOf(scene)
  if (!died?.exit) return null
  const { signal, exitCode, stderrTail } = died.exit
  const lastLine = stderrTail.trim().split('\n').at(-1)?.slice(0, 120) ?? ''
  return `worker ${died.number}, ${signal ?? `exit code ${exitCode ?? '?'}`} at ${clock(died.atMs)}${lastLine ? `: ${lastLine}` : ''}`
}
