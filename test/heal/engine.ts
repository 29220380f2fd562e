/** A model server that is made ill, and how a call to it is judged byte for byte. */
import type { Stage } from '../control/stage.ts'
import type { Outcome } from '../crash/chat.ts'

export const ills = ['sigkill', 'sigstop', 'leak', 'deadlock', 'disk-full', 'poison', 'worker'] as const
export type Ill = (typeof ills)[number]

/** It cannot be shown on this machine. */
export class NotHere extends Error {}

export interface Engine {
  readonly ills: readonly Ill[]
  /** What runs so that it can fall ill in this way. */
  command(ill: Ill): readonly string[]
  /** Learns from one that is well what the answers are. */
  prepare(url: string): Promise<void>
  /** One call of a lane; some are streams, some plain. With `worker` its callers resume. */
  ask(url: string, lane: number, n: number, ill: Ill): Promise<Outcome>
  /** From now on it leaks, or its inside stands still while its health page says that it is well. @throws {NotHere} */
  leak(stage: Stage, replica: string): Promise<void>
  deadlock(stage: Stage, replica: string): Promise<Disposable>
  /** Body of a chat that kills whoever reads it. */
  readonly poison: object
}
