/** Single fields of a request or an answer: each reads one text, and none may be more than is expected. */
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import { readContentRange, readRanges } from '../../../src/cache/byte-range.ts'
import { readDictionary } from '../../../src/cache/dictionary.ts'
import { hopByHop } from '../../../src/cache/header-list.ts'
import { parseHttpDate } from '../../../src/cache/http-date.ts'
import { invalidated } from '../../../src/cache/invalidates.ts'
import { tagsOf } from '../../../src/cache/tags.ts'
import { policyOf } from '../../../src/cache/targeted.ts'
import { isKnown, isUnmet, meetsIfRange } from '../../../src/cache/validators.ts'
import { varyNames, varyValues } from '../../../src/cache/vary.ts'
import { preferred } from '../../../src/edge/accept.ts'
import { readNetwork } from '../../../src/edge/address/address-list.ts'
import { readForwarded } from '../../../src/edge/address/forwarded.ts'
import { decode, readAnswerPath, readCursor } from '../../../src/edge/answer-path.ts'
import { callerKey } from '../../../src/edge/caller.ts'
import { formatOffset, nextCursor, parseOffset } from '../../../src/edge/durable-streams/offset.ts'
import { isName, parseTarget, streamRoot } from '../../../src/edge/durable-streams/stream-target.ts'
import { pickLanguage } from '../../../src/edge/status/pick-language.ts'
import { matchesGlob } from '../../../src/edge/subscriptions/glob.ts'
import { readTier, readTimeLimits } from '../../../src/edge/urgency.ts'
import { codings, wantedCodings } from '../../../src/edge/web/content-coding.ts'
import { hasHashedName, isCompressible } from '../../../src/edge/web/content-type.ts'
import { findRoute } from '../../../src/edge/web/find-route.ts'
import { isAmbiguous, safeSegments } from '../../../src/edge/web/safe-path.ts'
import { parseRay } from '../../../src/fault/ray.ts'
import { oneLine, safeJson } from '../../../src/ground/one-line.ts'
import { isPublicAddress } from '../../../src/ground/public-address.ts'
import { seededRandom } from '../../../src/ground/random.ts'
import { redact } from '../../../src/ground/redact.ts'
import { webhookProblem } from '../../../src/ground/webhook-url.ts'
import { wantsOpenMetrics } from '../../../src/observe/openmetrics.ts'
import { readRequestId } from '../../../src/observe/request-id.ts'
import { openTrace, traceParent } from '../../../src/observe/trace-context.ts'
import { mediaType } from '../../../src/store/stream-rules.ts'
import { must, type Target } from '../target.ts'

const nowMs = Date.UTC(2026, 10, 28)
/** A head is at most so long. */
const bytesMax = 16 * 1024

type Outcome = string | number | boolean | null

/** Fields come as latin-1: a character a byte. */
function field(
  name: string,
  seeds: readonly string[],
  run: (text: string) => Outcome,
  words: readonly string[] = [],
): Target {
  return { name, seeds, bytesMax, words, run: (bytes) => run(bytes.toString('latin1')) }
}

/** Names of streams, which are no longer. */
function short(...given: Parameters<typeof field>): Target {
  return { ...field(...given), bytesMax: 1024 }
}

const cacheFields = [
  'cache-control',
  'cdn-cache-control',
  'surrogate-control',
  'vary',
  'cache-tag',
  'surrogate-key',
  'connection',
]
const conditions = ['if-none-match', 'if-match', 'if-range', 'if-modified-since', 'if-unmodified-since']

function readCacheFields(text: string): Outcome {
  const headers = cacheFields.flatMap((name) => [name, text])
  const { directives, field: from } = policyOf(headers)
  for (const value of Object.values(directives)) must(!Number.isNaN(value), 'not a number')
  must(tagsOf(headers).length <= 10_000, 'tags without end')
  hopByHop(headers)
  const vary = varyNames(headers)
  varyValues(vary ?? [], headers)
  const asked = conditions.flatMap((name) => [name, text])
  const has = { etag: '"a"', changedMs: 0 }
  const met = [isKnown(asked, has, nowMs), isUnmet(asked, has, nowMs), meetsIfRange(asked, has, nowMs)]
  invalidated('POST', 'http://a/b', 200, ['location', text, 'content-location', text])
  return `${Object.keys(directives).join()} ${from} ${vary === null} ${met.join()}`
}

function readRangeFields(text: string): Outcome {
  const ranges = readRanges(text, 1000)
  readContentRange(text)
  if (!Array.isArray(ranges)) return ranges
  for (const { from, to } of ranges) must(from >= 0 && from <= to && to < 1000, `range ${from}-${to}`)
  return ranges.length
}

function readPath(path: string): Outcome {
  const segments = safeSegments(path)
  for (const segment of segments ?? [])
    must(!/[/\\\0]/.test(segment) && segment !== '..' && segment !== '.', `segment ${segment}`)
  findRoute([{ path: '/' }, { path: '/a', host: '*.b' }], path, path)
  hasHashedName(path)
  return `${segments?.length} ${isAmbiguous(path)}`
}

function readStreamTarget(text: string): Outcome {
  const { name, query } = parseTarget(streamRoot + text)
  must(isName(name), 'a name that is none')
  for (const value of query.values()) parseOffset(value)
  return `${name.split('/').length} ${[...query.keys()].length}`
}

function readOffset(text: string): Outcome {
  const at = parseOffset(text)
  if (at) must(formatOffset(at) === text, 'another text')
  nextCursor(text, nowMs, seededRandom(1))
  return at === null
}

function readCursorField(text: string): Outcome {
  const cursor = readCursor(new URLSearchParams(text), undefined) ?? readCursor(new URLSearchParams(), text)
  must(cursor === null || (Number.isSafeInteger(cursor) && cursor >= -1), `cursor ${cursor}`)
  return cursor === null
}

function readTrace(text: string): Outcome {
  const [parent, state] = text.split('\n', 2)
  const trace = openTrace(
    { traceparent: parent, tracestate: state ?? parent },
    { isOn: true, sampleRatio: 0.5 },
    seededRandom(1),
  )
  if (!trace) return null
  must(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceParent(trace, null)), 'a parent that is none')
  must(/^[\x20-\x7e]{0,512}$/.test(trace.state), 'a state that is none')
  return `${trace.parentId === null} ${trace.state === ''} ${trace.flags}`
}

function readUrgency(text: string): Outcome {
  const headers: IncomingHttpHeaders = {
    'x-stainless-timeout': text,
    'x-request-timeout': text,
    'holdfast-tier': 'batch',
  }
  const { wholeMs, firstTokenMs } = readTimeLimits(headers, text.length % 2 === 0)
  for (const ms of [wholeMs, firstTokenMs]) must(ms === null || (ms > 0 && ms <= 86_400_000), `${ms} ms`)
  readTier({ 'holdfast-tier': text }, 'standard')
  return wholeMs === null
}

function readForwardedField(text: string): Outcome {
  const hops = readForwarded(text)
  for (const hop of hops) must(hop === null || isIP(hop) !== 0, `hop ${hop}`)
  return hops.map((hop) => hop && isIP(hop)).join()
}

function readTexts(text: string): Outcome {
  must(!/[\n\r\u2028\u2029\u0000-\u0008]/.test(oneLine(text)), 'a line end in one line')
  JSON.parse(safeJson(JSON.stringify(text)))
  return redact(text) === text
}

function pathOf(text: string): Outcome {
  const path = readAnswerPath(`/v1/${text}`)
  decode(text)
  return path && `${path.route} ${path.isCancel}`
}

export const fieldTargets: readonly Target[] = [
  field(
    'cache/fields',
    [
      'max-age=60, public, no-cache="a, b"',
      'a=1, b;x=2, c=?0',
      '"x", W/"y"',
      'Sun, 06 Nov 1994 08:49:37 GMT',
      'accept-language, *',
    ],
    readCacheFields,
    ['max-age=', 'W/"', '"', '\\', ', ', '=', '(', ')', ';', 'no-cache="', '*'],
  ),
  field('cache/range', ['bytes=0-3,5-', 'bytes=-20', 'bytes 4-9/10'], readRangeFields, ['bytes=', '0-', '-', ',']),
  field(
    'cache/dictionary',
    ['a=1, b;x=2, c=?0,d="x\\"y", e=tok/en, f=:YWJj:, g=(1 "a" b);q'],
    (text) => readDictionary(text)?.size ?? null,
    ['=(', '"', ':', '?1', ';', ', ', '@1'],
  ),
  field(
    'cache/date',
    ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'],
    (text) => {
      const ms = parseHttpDate(text, nowMs)
      must(ms === null || Number.isFinite(ms), 'a date that is none')
      return ms === null
    },
  ),
  field(
    'edge/accept',
    [
      'text/html,application/json;q=0.9,*/*;q=0.1',
      'text/event-stream',
      'application/openmetrics-text; version=1.0.0;q=0.5',
    ],
    (text) => {
      wantsOpenMetrics(text)
      return preferred(text, ['application/json', 'text/html', 'text/markdown'])
    },
  ),
  field('edge/accept-language', ['de-AT, en;q=0.5, *;q=0.1'], (text) => {
    const tag = pickLanguage(text, ['en', 'de', 'pt-br'])
    must(['en', 'de', 'pt-br'].includes(tag), `language ${tag}`)
    return tag
  }),
  field('edge/accept-encoding', ['gzip, br;q=0.5, identity;q=0', '*'], (text) => {
    const wanted = wantedCodings(text)
    must(
      wanted.every((coding) => codings.includes(coding)),
      'a coding that is none',
    )
    return wanted.join()
  }),
  field(
    'edge/content-type',
    ['application/json; charset=utf-8', 'image/svg+xml'],
    (text) => `${mediaType(text).includes('/')} ${isCompressible(text)}`,
  ),
  field(
    'edge/forwarded',
    ['for="[2001:db8::1]:80";by=x, for=192.0.2.1', 'for=unknown;proto=https', '192.0.2.1, ::1'],
    readForwardedField,
    ['for=', '"', '\\', ';', ',', '[', ']'],
  ),
  field('edge/network', ['192.0.2.0/24', '2001:db8::/32', '::1', '::ffff:1.2.3.4'], (text) => {
    isPublicAddress(text)
    const network = readNetwork(text)
    must(!network || (network.prefix >= 0 && network.prefix <= 128), `prefix ${network?.prefix}`)
    return network?.family ?? null
  }),
  field('edge/urgency', ['20', '1500ms', '1.5s'], readUrgency),
  field('edge/caller-key', ['Bearer sk-hf-abc', 'bearer  x '], (text) => callerKey({ authorization: text }) === null),
  field('edge/path', ['/a/b.html', '/.well-known/x', '/%2e%2e/x', '/a%2fb', '/'], readPath, [
    '%2e',
    '%2f',
    '%5c',
    '%00',
    '../',
    '//',
    '.',
    '\\',
    '%c0%ae',
  ]),
  field(
    'edge/answer-path',
    ['responses/06c8m0dfk2h3vd4zq7k1hb00-ams/cancel', 'answers/x', 'chat/completions/%41'],
    pathOf,
  ),
  field('edge/cursor', ['after=5', '-1', 'starting_after=0'], readCursorField),
  field(
    'edge/stream-target',
    ['a/b?offset=now&live=sse', 'x?offset=0000000000000001_0000000000000002', '%41'],
    readStreamTarget,
  ),
  field('edge/stream-offset', ['0000000000000001_0000000000000002'], readOffset),
  short(
    'edge/glob',
    ['a/**/b', '*/x', '**/**/**'],
    (text) => matchesGlob(text, 'a/b/c/d/e/f') && matchesGlob(text, text),
    ['**/', '*', '/'],
  ),
  field('fault/ray', ['06c8m0dfk2h3vd4zq7k1hb00-ams'], (text) => parseRay(text) === null),
  field(
    'observe/trace',
    [
      '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\na=1,b@c=2',
      '01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x',
    ],
    readTrace,
  ),
  field('observe/request-id', ['abc-1'], (text) => readRequestId({ 'x-request-id': text }) === null),
  field(
    'ground/texts',
    ['Bearer sk-abc123', 'https://u:p@h/x?key=1', 'eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.abc', 'token: "x"'],
    readTexts,
    ['Bearer ', 'sk-', 'eyJ', '.', '://', '@', 'api_key=', 'password: '],
  ),
  field(
    'ground/webhook-url',
    ['https://example.org/x', 'http://127.0.0.1:80/', 'https://[::1]/', 'https://0x7f.1/'],
    (text) => webhookProblem(text, true) ?? webhookProblem(text, false),
    ['https://', '@', '[', ']', ':', '/'],
  ),
]
