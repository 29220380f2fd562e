/** What the body of a call may say it is. */
import { Fault } from '../fault/fault.ts'
import type { Asking } from './visitor.ts'

/** @throws {Fault} HF_MEDIA_TYPE */
export function checkMediaType(request: Asking): void {
  const type = request.headers['content-type'] ?? 'application/json'
  const coding = request.headers['content-encoding'] ?? 'identity'
  if (coding !== 'identity')
    throw new Fault('HF_MEDIA_TYPE', { detail: `content-encoding ${coding.slice(0, 40)} is not taken` })
  // curl -d without a header says form-urlencoded; the body is JSON all the same, and is read as such.
  if (!/^(application\/(json|[\w.-]+\+json|x-www-form-urlencoded)|text\/plain)\s*(;|$)/i.test(type)) {
    throw new Fault('HF_MEDIA_TYPE', { detail: `content-type ${type.slice(0, 80)} is not JSON` })
  }
}
