/**
 * The wire and undici read the same answers, valid and damaged, from the same server. Of valid ones both must find
 * the same; of damaged ones the wire may refuse more than undici does, and never less.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Client } from 'undici'
import type { Wire } from '../../src/relay/wire/wire.ts'
import { cutAt, damagedAnswer, rawAnswer } from './raw-answer.ts'
import { exchange, openWire, rawServer, type RawServer } from './wire-rig.ts'

interface Outcome {
  readonly isWhole: boolean
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Why it is not whole. */
  readonly reason: string
}

interface Case {
  readonly text: string
  readonly places: readonly number[]
}

/** Undici refuses an interim 100 that nobody expected; RFC 9110 section 15.2 wants it read. */
const undiciAlone = 'HTTP/1.1 100 '

const limit = { timeout: 60_000 }
const seed = 20261123
const lanes = 8

/** Answers `POST /n` with the bytes of case n, a slice a turn, and closes. */
async function replay(cases: readonly Case[]): Promise<RawServer> {
  return rawServer((socket, request) => {
    const { text, places } = cases[Number(/^POST \/(\d+) /.exec(request.toString('latin1'))?.[1])] as Case
    const slices = cutAt(Buffer.from(text, 'latin1'), places)
    const next = () => {
      const slice = slices.shift()
      if (slice === undefined) socket.end()
      else socket.write(slice, () => setImmediate(next))
    }
    next()
  })
}

async function askWire(wire: Wire, path: string): Promise<Outcome> {
  const { head, body, events, fault } = await exchange(wire, { path })
  const isWhole = events.at(-1) === 'end'
  return {
    isWhole,
    status: head?.status ?? 0,
    headers: head?.headers ?? {},
    body,
    reason: `${fault?.code} ${fault?.detail}`,
  }
}

async function askUndici(url: URL, path: string): Promise<Outcome> {
  const client = new Client(url, { maxHeaderSize: 64 * 1024 })
  let status = 0
  try {
    const answer = await client.request({ method: 'POST', path, body: '{}' })
    status = answer.statusCode
    const body = Buffer.from(await answer.body.arrayBuffer()).toString('latin1')
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(answer.headers)) headers[name] = [value].flat().join(', ')
    return { isWhole: true, status, headers, body, reason: '' }
  } catch (thrown) {
    return { isWhole: false, status, headers: {}, body: '', reason: String(thrown) }
  } finally {
    await client.destroy()
  }
}

async function compare(
  cases: readonly Case[],
  judge: (mine: Outcome, its: Outcome, index: number) => void,
): Promise<void> {
  await using server = await replay(cases)
  await using wire = openWire({ url: server.url, idleMsMax: 0 }) // a connection each: the server closes without saying
  let next = 0
  const lane = async () => {
    while (next < cases.length) {
      const index = next++
      const [mine, its] = await Promise.all([askWire(wire, `/${index}`), askUndici(server.url, `/${index}`)])
      judge(mine, its, index)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

const places = fc.array(fc.nat(), { maxLength: 6 })

test('of valid answers both find the same status, headers and body', limit, async () => {
  const valid = fc.sample(fc.record({ answer: rawAnswer, places }), { seed, numRuns: 600 })
  const cases = valid.map(({ answer, places: at }) => ({ text: answer.text, places: at }))
  await compare(cases, (mine, its, index) => {
    const told = JSON.stringify(cases[index]?.text)
    assert.equal(mine.isWhole, true, `${mine.reason}: ${told}`)
    assert.equal(its.isWhole, true, `undici, ${its.reason}: ${told}`)
    assert.equal(mine.body, valid[index]?.answer.body, told)
    assert.deepEqual([mine.status, mine.body], [its.status, its.body], told)
    assert.deepEqual({ ...mine.headers }, its.headers, told)
  })
})

test(
  'of damaged answers the wire takes none that undici refuses, and finds nothing else in those it takes',
  limit,
  async (t) => {
    const cases = fc.sample(fc.record({ text: damagedAnswer, places }), { seed, numRuns: 6000 })
    const count = { both: 0, neither: 0, stricter: 0 }
    await compare(cases, (mine, its, index) => {
      const { text } = cases[index] as Case
      const told = JSON.stringify(text)
      if (mine.isWhole && !its.isWhole && text.includes(undiciAlone)) return
      if (mine.isWhole) {
        assert.equal(its.isWhole, true, `undici refuses (${its.reason}) what the wire takes: ${told}`)
        assert.deepEqual([mine.status, mine.body], [its.status, its.body], told)
        count.both++
      } else if (its.isWhole) count.stricter++
      else count.neither++
    })
    t.diagnostic(`taken by both ${count.both}, by neither ${count.neither}, by undici alone ${count.stricter}`)
    assert.ok(count.both > 200 && count.neither > 200, 'the damage is neither harmless nor always fatal')
  },
)
