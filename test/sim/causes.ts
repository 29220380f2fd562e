/**
 * Which faults of an answer a scenario accounts for. Whatever else an answer fails with is a mistake of
 * the gateway.
 */
import type { FaultCode } from '../../src/fault/code.ts'
import type { StoryPlan } from '../world/story.ts'
import type { Scenario } from './scenario.ts'
import { hasKind } from './world-fault.ts'

const serverCodes =
  /^HF_(UPSTREAM_|CONNECT_TIMEOUT|FIRST_TOKEN_TIMEOUT|ATTEMPTS_SPENT|NO_UPSTREAM|NOT_ADOPTABLE|DEADLINE|NO_ROUTE)/

export function mayFailWith(code: FaultCode, plan: StoryPlan, scenario: Scenario): boolean {
  const { faults } = scenario
  if (code === 'HF_CANCELLED') return plan.cancelsAfterMs !== null
  if (code === 'HF_CLIENT_GONE')
    return (
      plan.onDisconnect === 'cancel' ||
      plan.readers.some(({ leavesAt, drops }) => leavesAt !== null || drops.length > 0)
    )
  if (code === 'HF_JOURNAL_FULL') return hasKind(faults, 'disk full')
  if (code === 'HF_CLOSING') return hasKind(faults, 'gateway restart')
  // Requests that are not kept cannot be gone on with.
  if (code === 'HF_NOT_ADOPTABLE' && scenario.requestBytesMax === 0) return true
  if (code === 'HF_LEASE_LOST') return hasKind(faults, 'gateway stop', 'gateway kill', 'disk full')
  return serverCodes.test(code) && mayServersFail(scenario)
}

/** One server that works, and that every gateway can reach, is enough for every answer. */
function mayServersFail({ faults, servers }: Scenario): boolean {
  return servers.every((_, i) => faults.some((fault) => 'server' in fault && fault.server === i))
}
