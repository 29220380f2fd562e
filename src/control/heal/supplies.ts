/** What runs out around a replica: its disk. That is not healed by a new replica: people are told. */
import type { Finding, ReplicaView } from './ailment.ts'

const freeBytesMin = 256 * 2 ** 20
/** Of a small disk this share is enough. */
const freeShareMin = 0.02

export function findShortage({ disk }: ReplicaView): Finding | null {
  if (disk === null || disk.freeBytes >= Math.min(freeBytesMin, freeShareMin * disk.bytes)) return null
  const evidence = `${Math.round(disk.freeBytes / 2 ** 20)} of ${Math.round(disk.bytes / 2 ** 20)} MiB are left on its disk (${disk.path})`
  return { ailment: 'disk-full', remedy: 'tell', evidence }
}
