/** Whether a restart would lose what is kept. */
import type { Config } from '../config.ts'

/** What is kept in the memory of a worker goes with it. */
export function isForgetful({ journal, streams }: Config): boolean {
  return journal.engine === 'memory' || streams.engine === 'memory'
}
