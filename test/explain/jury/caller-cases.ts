/** Held-out cases on the caller's side. */
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { recordFileName } from '../../../src/store/sqlite-record-file.ts'
import { RecordQuery } from '../../../src/store/sqlite-record-query.ts'
import { askTimes } from '../ask.ts'
import { between, named, oneOf, type Scenario } from '../scenario.ts'
import { at, scripted, sim } from '../servers.ts'

const json = { 'content-type': 'application/json' }

export const callerCases: readonly Scenario[] = [
  {
    title: 'a caller that leaves before the first token',
    expects: 'client-left',
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { onDisconnect: 'cancel' },
        play: async ({ ask, gateway }) => {
          await ask()
          server.order({ kind: 'slow-first-token', ms: 1000 })
          await ask({ patienceMs: between(random, 200, 600), isStream: oneOf(random, true, false) })
          await sleep(1500)
          return lastCalls(gateway.state, 1)
        },
      }
    },
    isAlone: true,
  },
  {
    title: 'a server that finds the request wrong, in other words',
    expects: 'bad-request',
    open: async (opening) => {
      const { random, name, model } = opening
      const [status, body] = oneOf<[number, object]>(
        random,
        [422, { detail: [{ type: 'missing', loc: ['body', 'messages', 0, 'content'], msg: 'Field required' }] }],
        [
          400,
          {
            object: 'error',
            message: "This model's maximum context length is 4096 tokens.",
            type: 'BadRequestError',
            param: null,
            code: 400,
          },
        ],
        [
          400,
          {
            error: {
              message: 'At most 0 image(s) may be provided in one request.',
              type: 'BadRequestError',
              code: 400,
            },
          },
        ],
        [400, { error: 'registry.ollama.ai/library/tiny does not support tools' }],
      )
      const url = await scripted(
        opening,
        (_, response) => void response.writeHead(status, json).end(JSON.stringify(body)),
      )
      return {
        upstreams: named(name, [at(url, { model })]),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(random, true, false) })).ray],
      }
    },
  },
  {
    title: 'a key for one request is used for another, or what is sent can be read in two ways',
    expects: 'bad-request',
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening)
      const isReuse = oneOf(random, true, false)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        play: async ({ ask, gateway }) => {
          if (isReuse) {
            const headers = { 'idempotency-key': `order-${opening.name}` }
            await ask({ headers })
            return [(await ask({ headers, prompt: 'another' })).ray]
          }
          const text = await new Promise<string>((resolve) => {
            let heard = ''
            const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1').on('error', () => {})
            socket.on('data', (bytes) => (heard += bytes.toString()))
            socket.on('close', () => resolve(heard))
            socket.write(
              'POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
            )
            setTimeout(() => socket.destroy(), 3000)
          })
          return [/holdfast-ray: (\S+)/i.exec(text)?.[1]]
        },
      }
    },
  },
  {
    title: 'an answer is asked for that is no more, or never was',
    expects: 'unknown-name',
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        play: async ({ ask, gateway }) => {
          await askTimes(1, () => ask())
          const id = oneOf(random, '01m8hedac0bmyb003hr04c-local', 'resp_67ccd2bed1ec8190')
          const answer = await fetch(`${gateway.url}/v1/responses/${id}${oneOf(random, '', '?stream=true')}`)
          await answer.text()
          return [answer.headers.get('holdfast-ray') ?? undefined]
        },
      }
    },
  },
]

/** Rays of the last calls that did not end well, by the record. */
function lastCalls(state: string, count: number): string[] {
  using reader = new RecordQuery(join(state, recordFileName))
  const { entries } = reader.latest({ kinds: ['call'] }, 20)
  return entries
    .flatMap(({ fact }) => (fact.kind === 'call' && fact.outcome !== 'complete' ? [fact.ray] : []))
    .slice(0, count)
}
