/** Who comes to the listeners: who may, and how much. */
import type { Config } from '../config.ts'
import { Visitors } from '../edge/address/visitors.ts'
import { Crowd, type CrowdParts } from '../edge/crowd/crowd.ts'

export function openVisitors(
  parts: AsyncDisposableStack,
  { access, guard }: Config,
  base: Omit<CrowdParts, 'isTrusted'>,
): { visitors: Visitors; crowd: Crowd } {
  const visitors = new Visitors(access)
  const isTrusted = (address: string): boolean => visitors.trusted.has(address)
  return { visitors, crowd: parts.use(new Crowd(guard, { ...base, isTrusted })) }
}
