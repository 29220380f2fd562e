/** What a caller got of a call: a whole answer, a coded refusal, or one that broke off and says so; nothing else. */
import type { Route } from '../../src/dialect/call.ts'
import { readPartial } from '../../src/dialect/seam/partial-answer.ts'
import { SseSplitter } from '../../src/dialect/sse-splitter.ts'
import { parseRay } from '../../src/fault/ray.ts'
import { HttpParser } from '../../src/relay/wire/http-parser.ts'

interface Read {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly isWhole: boolean
}

/** Null for what is no answer at all. */
function read(text: string): Read | null {
  const head: { status: number; headers: Readonly<Record<string, string>> } = { status: 0, headers: {} }
  const body: Buffer[] = []
  let isWhole = false
  const parser = new HttpParser({
    onHead: (status, headers) => Object.assign(head, { status, headers }),
    onBody: (bytes) => body.push(Buffer.from(bytes)),
    onEnd: () => (isWhole = true),
  })
  try {
    parser.push(Buffer.from(text, 'latin1'))
  } catch {
    return null
  }
  return head.status === 0 ? null : { ...head, body: Buffer.concat(body), isWhole }
}

/** What is wrong with a refusal; null when nothing is. */
export function judgeRefusal(text: string): string | null {
  const headers: Readonly<Record<string, string>> = read(text)?.headers ?? {}
  const code = /details="(HF_\w+)"/.exec(headers['proxy-status'] ?? '')?.[1]
  if (code === undefined) return 'a refusal without a code'
  if (code === 'HF_INTERNAL') return 'HF_INTERNAL'
  return parseRay(headers['holdfast-ray'] ?? '') ? null : 'a refusal without a ray'
}

/** `text`: all that came until the connection was closed. */
export function judgeAnswer(route: Route, isStream: boolean, text: string): string | null {
  if (text.includes('HF_INTERNAL')) return 'HF_INTERNAL'
  const answer = read(text)
  if (!answer) return text === '' ? 'nothing came' : 'what came is no HTTP'
  if (answer.status >= 400) return answer.isWhole ? judgeRefusal(text) : 'a refusal that breaks off'
  if (answer.status !== 200) return `status ${answer.status}`
  if (!isStream)
    return answer.isWhole ? judgeJson(answer.body) : /"HF_\w+"/.test(text) ? null : 'a whole answer that breaks off'
  return judgeStream(route, answer)
}

function judgeJson(body: Buffer): string | null {
  try {
    return typeof JSON.parse(body.toString()) === 'object' ? null : 'the answer is no object'
  } catch {
    return 'the answer is no JSON'
  }
}

function judgeStream(route: Route, { body, isWhole }: Read): string | null {
  const events: Buffer[] = []
  new SseSplitter((event) => events.push(Buffer.concat([event, Buffer.from('\n\n')]))).push(body)
  const isError = /"cause"\s*:\s*"HF_\w+"/.test(body.toString('latin1'))
  if (!isWhole) return isError ? null : 'it breaks off without a word'
  if (isError) return 'an error, and an end as if all was well'
  const partial = readPartial(
    route,
    events.map((event) => ({ event, aside: null })),
  )
  if (partial.finish === null) return 'it ends without a finish, as if all was well'
  return partial.isEnded ? null : 'it ends without its end mark'
}
