/** Checks of a request's form that the HTTP parser leaves open: what two servers could read in two ways is refused. */
import { Fault } from '../fault/fault.ts'
import type { Asking } from './visitor.ts'

/** `node`: our name in `via`; a request that bears it has come back to us. @throws {Fault} HF_BAD_HTTP, HF_LOOP */
export function checkRequest(request: Asking, node: string): void {
  const { httpVersion, headers, rawHeaders, url = '/' } = request
  // The parser takes a request line without a version for HTTP/0.9 and still reads headers and a body: a way to
  // smuggle.
  // It takes `HTTP/2.0` in a line of text as well; a stream of HTTP/2 has its method among its headers.
  const isKnown = httpVersion === '1.1' || httpVersion === '1.0' || (httpVersion === '2.0' && ':method' in headers)
  if (!isKnown) throw new Fault('HF_BAD_HTTP', { detail: `HTTP/${httpVersion} is not spoken here` })
  if (httpVersion === '1.0' && headers['transfer-encoding'])
    throw new Fault('HF_BAD_HTTP', { detail: 'HTTP/1.0 has no transfer-encoding' })
  const coding = headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    throw new Fault('HF_BAD_HTTP', { detail: 'transfer-encoding is chunked or nothing' })
  }
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
    throw new Fault('HF_BAD_HTTP', { detail: 'what is expected cannot be met', status: 417 })
  }
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  if (hosts === 0 && httpVersion === '1.1') throw new Fault('HF_BAD_HTTP', { detail: 'there is no Host' })
  const authority = headers[':authority']
  if (authority !== undefined && headers.host !== authority)
    throw new Fault('HF_BAD_HTTP', { detail: ':authority and Host disagree' })
  if (hosts > 1) throw new Fault('HF_BAD_HTTP', { detail: 'more than one Host' })
  if (url[0] !== '/' && url !== '*') checkAbsolute(url, headers.host ?? '')
  if (headers.via && hasPassed(headers.via, node)) throw new Fault('HF_LOOP')
}

/** `1.1 name (comment), …`: whether one of the names is ours. */
function hasPassed(via: string, node: string): boolean {
  return via.split(',').some((hop) => hop.trim().split(/[ \t]+/)[1] === node)
}

/** A target in absolute form must name the same host as the Host header; it is not followed anywhere. */
function checkAbsolute(target: string, host: string): never {
  const named = URL.canParse(target) ? new URL(target).host : null
  if (named !== host) throw new Fault('HF_BAD_HTTP', { detail: 'the request target and Host disagree' })
  throw new Fault('HF_BAD_HTTP', { detail: 'this is not a forward proxy' })
}

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
