/** One simulated deploy from its begin to its end, by the state machine and the judge that the gateway uses. */
import { joinLooks } from '../../src/control/deploy/gather-look.ts'
import type { ReleaseLook } from '../../src/control/deploy/release-look.ts'
import { lead, type Seen } from '../../src/control/deploy/rollout.ts'
import { type RolloutOptions, rolloutDefaults, stepsOf } from '../../src/control/deploy/rollout-options.ts'
import { planOf } from '../../src/control/deploy/rollout-plan.ts'
import { newRollout, type Phase, type RolloutState } from '../../src/control/deploy/rollout-state.ts'
import { type Behaviour, type Case, sameBehaviour } from './behaviour.ts'
import { type Share, World } from './world.ts'

export interface Outcome {
  readonly kind: string
  readonly isGood: boolean
  readonly seed: number
  readonly end: 'stopped' | 'full' | 'inconclusive'
  readonly reason: string
  /** The largest share of new calls it had. */
  readonly topShare: number
  /** Of all calls from its first to its last: how many it had. */
  readonly seenShare: number
  readonly calls: number
  readonly harmed: number
  readonly minutes: number
}

const lookMs = 10_000
const looksMax = 3600
/** From the order to a replica that is ready. */
const readyMs = 60_000

type Replicas = ReturnType<World['newReplica']>[]

export interface RunOptions {
  /** Calls a second, of which one is drawn on a logarithmic scale. */
  readonly callsPerSecond: readonly [number, number]
  readonly gate: NonNullable<Seen['gate']>
}

const options: RolloutOptions = { ...rolloutDefaults, steps: stepsOf.canary, warmMs: 600_000 }

export function runDeploy({ kind, isGood, behaviour }: Case, seed: number, run: RunOptions): Outcome {
  const world = new World(seed, run.callsPerSecond)
  const present = Array.from({ length: world.replicaCount }, () => world.newReplica())
  for (const each of present) each.served = 1e5
  const next: Replicas = []
  const births: number[] = []
  const order = { id: '1', deployment: 'chat', from: 'v1', to: 'v2', strategy: 'canary' } as const
  const state = newRollout(order, 0)
  const count = { all: 0, own: 0, harmed: 0 }
  const { gate } = run
  let [nowMs, looks, topShare] = [0, 0, 0]
  while (!isAtEnd(state) && looks++ < looksMax) {
    nowMs += lookMs
    world.pass(lookMs, [...present, ...next])
    const plan = planOf(state, world.replicaCount, options)
    const wanted = plan.releases.find(({ release }) => release === 'v2')?.replicas ?? 0
    while (births.length < wanted) births.push(nowMs)
    while (next.length < births.filter((birth) => birth + readyMs <= nowMs).length) next.push(world.newReplica())
    const { share } = state
    const looked = lookAt(world, present, next, share, plan.controlShare, behaviour)
    count.all += looked.calls
    count.own += looked.ownCalls
    count.harmed += looked.harmed
    topShare = Math.max(topShare, share)
    lead(
      state,
      {
        ...{ nowMs, total: world.replicaCount, readyNext: next.length, readyPresent: present.length, callsLeft: 0 },
        ...{ isWindowOpen: true, gate },
        look: {
          ...{ ms: lookMs, present: looked.present, next: looked.next },
          callsPerReplicaHour: world.callsPerReplicaHour,
        },
      },
      options,
    )
  }
  return {
    ...{ kind, isGood, seed, end: endOf(state), reason: reasonOf(state), topShare },
    seenShare: count.own / Math.max(1, count.all),
    ...{ calls: count.own, harmed: count.harmed, minutes: nowMs / 60_000 },
  }
}

interface Looked {
  readonly present: ReleaseLook
  readonly next: ReleaseLook
  readonly calls: number
  readonly ownCalls: number
  readonly harmed: number
}

/** The present release's replicas share what is left; one of them, the control, has as little as a new one. */
function lookAt(
  world: World,
  present: Replicas,
  next: Replicas,
  share: number,
  controlShare: number | null,
  behaviour: Behaviour,
): Looked {
  const parts: Share[] =
    controlShare === null
      ? [{ share: 1 - share, replicas: present }]
      : [
          { share: controlShare, replicas: present.slice(0, 1) },
          { share: 1 - share - controlShare, replicas: present.slice(1) },
        ]
  const looks = parts.map((part) => world.look(lookMs, part, sameBehaviour))
  world.takeHarmed()
  const own = world.look(lookMs, { share, replicas: next }, behaviour)
  const callsOf = (look: ReleaseLook): number => look.replicas.reduce((sum, { calls }) => sum + calls, 0)
  const ownCalls = callsOf(own)
  const calls = ownCalls + looks.reduce((sum, look) => sum + callsOf(look), 0)
  const isShifted = share > 0
  return {
    ...{ present: joinLooks(looks), next: own, ownCalls, harmed: world.takeHarmed() },
    calls: isShifted ? calls : 0,
  }
}

const ends: ReadonlySet<Phase> = new Set(['done', 'rolled-back', 'inconclusive'])
const isAtEnd = ({ phase }: RolloutState): boolean => ends.has(phase)

function endOf({ phase }: RolloutState): Outcome['end'] {
  if (phase === 'rolled-back' || phase === 'rolling-back') return 'stopped'
  return phase === 'done' || phase === 'warm' ? 'full' : 'inconclusive'
}

function reasonOf({ reason, verdict }: RolloutState): string {
  return reason ? `${reason.code}: ${reason.words}` : (verdict?.open.join(', ') ?? '')
}
