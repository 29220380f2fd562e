/** Whatever is refused, however odd it was: it bears a ray and a code, and `explain` has a cause for it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { explainRay } from '../../src/diagnosis/explain-ray.ts'
import { parseRay } from '../../src/fault/ray.ts'
import { type Random, seededRandom } from '../../src/ground/random.ts'
import { recordFileName } from '../../src/store/sqlite-record-file.ts'
import { RecordQuery } from '../../src/store/sqlite-record-query.ts'
import { startGateway } from '../crash/gateway.ts'
import { RawClient } from '../http/raw-client.ts'
import { oneOf } from './scenario.ts'

const requestCount = 400
const atOnce = 8

/** A request with something wrong at a place that is drawn. */
function oddRequest(random: Random): string {
  const body = oneOf(
    random,
    '{"model":',
    '[]',
    '{"model":7,"messages":[]}',
    '{"model":"nobody","messages":[{"role":"user","content":"x"}]}',
    '{"model":"lab-model","messages":"x"}',
    '{"model":"lab-model","messages":[{"role":"wizard","content":"x"}]}',
    '\u0000\u001b[31m',
    '',
  )
  const method = oneOf(random, 'POST', 'POST', 'POST', 'PUT', 'GET', 'BREW')
  const path = oneOf(
    random,
    '/v1/chat/completions',
    '/v1/messages',
    '/v1/responses',
    '/v1/nothing',
    '/',
    '/v1/responses/x',
  )
  const type = oneOf(random, 'application/json', 'text/plain', 'application/json')
  const extra = oneOf(
    random,
    '',
    'holdfast-tier: gold\r\n',
    'x-request-timeout: soon\r\n',
    'content-encoding: br\r\n',
    'transfer-encoding: chunked, chunked\r\n',
    'host: twice\r\n',
    `cookie: ${'x'.repeat(70_000)}\r\n`,
    'bad header\r\n',
  )
  const version = oneOf(random, '1.1', '1.1', '1.1', '1.0', '3.7')
  const head = `${method} ${path} HTTP/${version}\r\nhost: g\r\ncontent-type: ${type}\r\nconnection: close\r\n${extra}`
  return `${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

test('every refusal of a fuzzed run has a ray, a code, advice, and a cause', async () => {
  await using gateway = await startGateway('--lab', 'sim', '--workers', '1', '--log-level', 'silent')
  const random = seededRandom(7)
  const port = Number(new URL(gateway.url).port)
  const refused: { ray: string; status: number; code: string }[] = []
  let left = requestCount
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const request = oddRequest(random)
      await using client = await RawClient.open(port)
      client.write(request)
      const { status, headers, body } = await client.answer()
      if (status < 400) continue
      const ray = headers['holdfast-ray'] ?? ''
      const code = /HF_\w+/.exec(`${headers['proxy-status']} ${body}`)?.[0] ?? ''
      assert.ok(parseRay(ray) && code, `${status} without ray or code: ${request.slice(0, 200)}`)
      refused.push({ ray, status, code })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  assert.ok(refused.length > requestCount / 2)
  await sleep(1500)
  using reader = new RecordQuery(join(gateway.state, recordFileName))
  const unexplained = refused.flatMap(({ ray, status, code }) => {
    const { cause, whose, cure } = explainRay(reader, ray)
    const isGood = !['unrecorded', 'unknown', 'none'].includes(cause) && whose === 'client' && cure !== ''
    return isGood ? [] : [`${status} ${code}: ${cause}`]
  })
  assert.deepEqual([...new Set(unexplained)], [])
})
