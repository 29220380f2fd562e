/** Which upstreams workers give no calls for what they saw of them: word for the control process. */
import type { FleetReport } from '../control/fleet-report.ts'
import type { HandView } from './overview.ts'

/** By name; silent at one of the workers is enough, for whoever has nothing there sees nothing. */
export function outOfUse(hands: readonly Pick<HandView, 'status' | 'isRetired'>[]): NonNullable<FleetReport['out']> {
  const out: Record<string, { isHung: boolean; reason: string }> = {}
  for (const { status, isRetired } of hands) {
    if (isRetired) continue
    for (const { name, state, reason, code } of status?.view.upstreams ?? []) {
      if (state !== 'hung' && state !== 'out') continue
      const isHung = state === 'hung' || out[name]?.isHung === true
      out[name] = { isHung, reason: reason || code || '' }
    }
  }
  return out
}
