/**
 * The contract between the relay and the languages: how one call is spoken to one upstream, and how its answer
 * comes back in the caller's language. Same language on both sides is a translation too: the one that changes nothing
 * but the model's name.
 */
import type { Fault } from '../fault/fault.ts'
import type { Route, Usage } from './call.ts'

/**
 * Takes an SSE event for the caller, whole, blank line included. `aside` is for the journal alone: what is to be known
 * of the event if the answer has to be gone on with (see `seam/aside.ts`).
 */
export type EventSink = (event: Buffer, aside?: Buffer) => void

export interface Translation {
  /** The language spoken to the upstream; its path is `routes[route].path` under the upstream's base URL. */
  readonly route: Route
  /** The request's body, to be sent in this order. */
  readonly body: readonly Buffer[]
  /** Headers that go with the body beyond content-type and credentials, lower case. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * A fresh reader for one answer; each attempt needs its own. `emit` gets each SSE event for the caller, whole,
   * blank line included.
   */
  streamReader(emit: EventSink): StreamReader
  /**
   * Puts a whole answer (status 200, not streamed) into the caller's language. @throws {Fault} HF_UPSTREAM_GARBLED,
   * HF_UPSTREAM_EMPTY
   */
  readWhole(body: Buffer): WholeAnswer
}

/**
 * Reads one streamed answer, event by event. What the caller is to get goes to `emit`, in order, from within `read`
 * and `end`.
 * Malformed events are skipped and counted; an error event of the upstream becomes `failure` and is not emitted.
 */
export interface StreamReader {
  /** One SSE event of the upstream, without its blank line; the bytes may be kept. */
  read(event: Buffer): void
  /**
   * The upstream ended the stream. Emits what the language needs at its end (`data: [DONE]`), if the answer is
   * complete.
   */
  end(): void
  /**
   * Something a person would see has come: text, reasoning, a tool call, or the finish itself. From here on the head
   * may be sent.
   */
  readonly hasContent: boolean
  /** A finish reason has been seen: the answer is whole. Neither EOF nor `[DONE]` makes it so. */
  readonly isComplete: boolean
  /**
   * The upstream's own end mark has been seen (`[DONE]`, `message_stop`, `response.completed`): nothing more will
   * come.
   */
  readonly isEnded: boolean
  /** The error that the upstream put into its stream. */
  readonly failure: Fault | null
  readonly usage: Usage | null
  /** Why the model stopped, in the words of the upstream's language. */
  readonly finishReason: string | null
  /** Count of content-bearing events, an estimate of output tokens where usage is absent. */
  readonly contentCount: number
  /** Count of events that made no sense and were left out. */
  readonly malformedCount: number
  /** Of a call that offers tools: how many tool calls nobody can read. Left out where nobody looks. */
  calls?: { readonly brokenCount: number }
}

export interface WholeAnswer {
  readonly body: Buffer
  readonly usage: Usage | null
  readonly finishReason: string | null
  /** A tool call in it has arguments that nobody can read. Left out where nobody looks. */
  readonly hasBrokenCall?: boolean
}
