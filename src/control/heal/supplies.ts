/** What runs out around a replica: its disk, its certificate. Neither is healed by a new replica: people are told. */
import type { Finding, ReplicaView } from './ailment.ts'

const diskFreeBytesMin = 256 * 2 ** 20
const certificateMs = 7 * 24 * 3_600_000

export function findShortage({ diskFreeBytes, certificateEndsMs }: ReplicaView, nowMs: number): Finding | null {
  if (diskFreeBytes !== null && diskFreeBytes < diskFreeBytesMin)
    return {
      ailment: 'disk-full',
      remedy: 'tell',
      evidence: `${Math.round(diskFreeBytes / 2 ** 20)} MiB left on its disk`,
    }
  if (certificateEndsMs === null || certificateEndsMs - nowMs > certificateMs) return null
  const days = (certificateEndsMs - nowMs) / (24 * 3_600_000)
  const evidence =
    days < 0
      ? `its certificate ran out ${(-days).toFixed(1)} days ago`
      : `its certificate runs out in ${days.toFixed(1)} days`
  return { ailment: 'certificate', remedy: 'tell', evidence }
}
