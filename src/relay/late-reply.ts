/** A caller's connection of which an error does not come out at once: there may be an older answer instead. */
import type { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import type { Reply, ReplyHead } from './reply.ts'

export class LateReply implements Reply {
  /** Its error is held back, while another answer is looked for. */
  isHeld = false
  #reply: Reply
  #instead: (fault: Fault, ray?: Ray) => boolean

  /** `instead`: gives another answer to the caller itself, or says no. */
  constructor(reply: Reply, instead: (fault: Fault, ray?: Ray) => boolean) {
    this.#reply = reply
    this.#instead = instead
  }

  set onDrain(run: () => void) {
    this.#reply.onDrain = run
  }
  set onGone(run: () => void) {
    this.#reply.onGone = run
  }
  set onUndelivered(run: () => void) {
    this.#reply.onUndelivered = run
  }

  begin(head: ReplyHead): void {
    this.#reply.begin(head)
  }
  write(bytes: Buffer): boolean {
    return this.#reply.write(bytes)
  }
  end(): void {
    this.#reply.end()
  }
  breakOff(): void {
    this.#reply.breakOff()
  }
  fail(fault: Fault, ray?: Ray): void {
    this.isHeld = this.#instead(fault, ray)
    if (!this.isHeld) this.#reply.fail(fault, ray)
  }
}
