/**
 * What a model server says of a call that it refuses may quote the call: of that only the status is told, in the record
 * and in the log, unless `record.refusalWords` asks for it.
 */
import type { FaultCode } from '../fault/code.ts'
import type { ExchangeFact } from './exchange-fact.ts'
import type { Note } from './fact.ts'

export function wordsOf(code: FaultCode | null, detail: string): string {
  return code === 'HF_CALL_REFUSED' ? (/^status \d{3}(: an HTML page)?/.exec(detail)?.[0] ?? '') : detail
}

/** The same account, where nothing was refused the very same object. */
export function withoutRefusalWords(fact: ExchangeFact): ExchangeFact {
  const { code, attempts } = fact
  if (code !== 'HF_CALL_REFUSED' && !attempts.some((each) => each.code === 'HF_CALL_REFUSED')) return fact
  return {
    ...fact,
    detail: wordsOf(code, fact.detail),
    attempts: attempts.map((each) => ({ ...each, detail: wordsOf(each.code, each.detail) })),
  }
}

/** The same of a fact: an answer may be refused in its middle, and be gone on with. */
export function withoutNotedWords(note: Note): Note {
  const { code = null } = note
  return code === 'HF_CALL_REFUSED' && 'detail' in note ? { ...note, detail: wordsOf(code, note.detail) } : note
}
