/** Which stream a request is about, and what it says in its query. */
import { Fault } from '../../fault/fault.ts'
import { percentDecoded } from '../../ground/percent-decoded.ts'

/** Where all streams live; the rest of the path is a stream's name. */
export const streamRoot = '/v1/stream/'
/** Names under this one belong to the protocol itself. */
export const controlName = '__ds'

const nameLengthMax = 1024

/** Name and query of a request target that begins with `streamRoot`. @throws {Fault} HF_STREAM_REQUEST */
export function parseTarget(target: string): { name: string; query: URLSearchParams } {
  const at = target.indexOf('?')
  const path = at === -1 ? target : target.slice(0, at)
  return { name: parseName(path), query: new URLSearchParams(at === -1 ? '' : target.slice(at + 1)) }
}

/** The stream that a path names, percent-encoding undone. @throws {Fault} HF_STREAM_REQUEST */
export function parseName(path: string): string {
  if (!path.startsWith(streamRoot)) throw bad(`the path of a stream begins with ${streamRoot}`)
  const name = percentDecoded(path.slice(streamRoot.length))
  if (name === null) throw bad('the path is not properly percent-encoded')
  if (!isName(name)) throw bad('the name of a stream has 1 to 1024 characters, without empty, `.` or `..` parts')
  return name
}

/** Whether it can be the name of a stream. */
export function isName(name: string): boolean {
  if (name.length === 0 || name.length > nameLengthMax || /[\u0000-\u001f\u007f]/.test(name)) return false
  return name.isWellFormed() && name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}

/** Where the store keeps a caller's stream; names of callers have no slash. */
export function storeKey(caller: string, name: string): string {
  return `${caller}/${name}`
}

export function bad(detail: string): Fault {
  return new Fault('HF_STREAM_REQUEST', { detail })
}
