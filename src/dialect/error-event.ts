/** Reads back why an answer failed from the error event that ends it in the journal. */
import { faultKinds, type FaultCode } from '../fault/code.ts'
import { Fault } from '../fault/fault.ts'
import { isFields } from './field.ts'
import { eventData } from './sse-splitter.ts'

/** The fault of an error event as `errorEvent` writes it; HF_INTERNAL for anything else. */
export function readErrorEvent(event: Buffer): Fault {
  const error = errorOf(event)
  const code = error?.['cause']
  if (!isCode(code)) return new Fault('HF_INTERNAL', { detail: 'the answer failed without saying why' })
  const retryAfterMs = error?.['retry_after_ms']
  return new Fault(code, typeof retryAfterMs === 'number' ? { retryAfterMs } : {})
}

/** Whether an event is the one that ends a broken answer. */
export function isErrorEvent(event: Buffer): boolean {
  return isCode(errorOf(event)?.['cause'])
}

function errorOf(event: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(eventData(event).toString())
    if (!isFields(value)) return null
    return isFields(value['error']) ? value['error'] : value
  } catch {
    return null
  }
}

function isCode(value: unknown): value is FaultCode {
  return typeof value === 'string' && Object.hasOwn(faultKinds, value)
}
