/** A release as a driver's schema has it. */
import type { z } from '../../ground/schema.ts'
import { DriverFault } from '../driver-fault.ts'
import type { ReplicaOrder } from '../driver.ts'

/** @throws DriverFault that names the fields that are wrong */
export function readSpec<Schema extends z.ZodType>(schema: Schema, { spec, release }: ReplicaOrder): z.output<Schema> {
  const read = schema.safeParse(spec)
  if (read.success) return read.data
  const wrong = read.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`)
  throw new DriverFault('refused', `release ${release} cannot be run (${wrong.join('; ')})`, 'mend the release')
}
