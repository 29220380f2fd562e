/** What the relay needs of a caller's connection. The edge implements it; the simulated world does too. */
import type { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'

export interface ReplyHead {
  /** Byte length of a whole answer; null for a stream of SSE events. */
  readonly lengthBytes: number | null
  /** Values of headers that are known better than before, lower case: the ray of an answer that is read again. */
  readonly headers: Readonly<Record<string, string>>
  /** Who had the call until now, as `server-timing` says it; null where that is not known. */
  readonly timing: string | null
  /** Further headers, names and values in turn; null for none. */
  readonly marks: readonly string[] | null
}

export interface Reply {
  /** Sends the head of a good answer, once. */
  begin(head: ReplyHead): void
  /** Sends bytes after `begin`. False when the caller's buffer is full: wait for `onDrain` before the next. */
  write(bytes: Buffer): boolean
  /** The answer is whole. */
  end(): void
  /** Breaks the connection once what was written has gone out, so that the answer cannot look whole. */
  breakOff(): void
  /** Answers with an error instead, before `begin`. `ray`: of the answer that failed, where it is not the caller's. */
  fail(fault: Fault, ray?: Ray): void
  /** Set by the relay: the caller's buffer has room again. */
  onDrain: () => void
  /** Set by the relay: the caller's connection closed before the end. */
  onGone: () => void
  /** Set by the relay: the connection broke right behind the end of a whole answer, which may not have arrived. */
  onUndelivered?: () => void
}
