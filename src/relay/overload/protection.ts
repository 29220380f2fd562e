/** Settings of how the gateway protects itself. */
import { bytes, milliseconds, z } from '../../ground/schema.ts'

export const protectionSchema = z
  .strictObject({
    memoryBytesMax: bytes(
      0,
      'Memory (resident) that one worker may take. 0: its share of what the machine or the container has.',
    ),
    loopDelayMs: milliseconds(
      1000,
      'Delay of a worker’s own work, kept up for a second, at which it refuses new calls. Lesser measures begin at a fifth of it.',
    ),
    diskFreeBytesMin: bytes(
      256 * 2 ** 20,
      'Free space in the state folder below which new calls are refused, since their answers could not be kept; on a small disk a twentieth of it. At twice that the files are made compact. 0: the disk is not watched.',
    ),
  })
  .prefault({})
  .meta({
    description:
      'From when on the gateway protects itself: caches less, closes connections, refuses batch calls, refuses all new calls. What is under way always goes on.',
  })

export type ProtectionOptions = z.output<typeof protectionSchema>
