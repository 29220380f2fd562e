/**
 * Goes on with an answer in the caller's language from where it stopped: the contract of the writers, one a language.
 * The envelope, the numbers and the open part are those of what was said; nothing of them is told twice.
 */
import type { Usage } from '../call.ts'
import type { Fields } from '../field.ts'
import { ChatWriter } from './chat-writer.ts'
import { MessageWriter } from './message-writer.ts'
import type { PartialAnswer } from './partial-answer.ts'
import type { Piece } from './piece.ts'
import { ResponseWriter } from './response-writer.ts'

export interface AnswerWriter {
  /** Pieces in a reader's order. A `more` without an `open` goes on with the part that is open. */
  write(piece: Piece): void
  /** What the language needs at its end; only after a finish. `usage` is that of the whole answer, null if unknown. */
  end(usage: Usage | null): void
}

export interface WriterOptions {
  /** The caller asked for token counts where the language gives them only then. */
  readonly wantsUsage: boolean
  /** Told as `holdfast` in the event that tells the finish; null for nothing. */
  readonly mark: Fields | null
}

export function openWriter(
  partial: PartialAnswer,
  options: WriterOptions,
  emit: (event: Buffer) => void,
): AnswerWriter {
  if (partial.route === 'messages') return new MessageWriter(partial, options, emit)
  if (partial.route === 'responses') return new ResponseWriter(partial, options, emit)
  return new ChatWriter(partial, options, emit)
}
