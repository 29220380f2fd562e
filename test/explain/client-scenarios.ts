/** Causes on the caller's side. */
import { connect } from 'node:net'
import { between, named, oneOf, type Opening, type Scenario, type Scene } from './scenario.ts'
import { at, sim } from './servers.ts'

/** A scenario of one good server, where all that is wrong is the caller. */
function ofCaller(
  head: Omit<Scenario, 'open'>,
  play: (opening: Opening) => Scene['play'],
  settings?: Scene['settings'],
): Scenario {
  return {
    ...head,
    open: async (opening) => {
      const server = await sim(opening, { engine: { decodeRate: head.expects === 'slow-reader' ? 50_000 : 60 } })
      return {
        upstreams: named(opening.name, [at(server.url, opening)]),
        ...(settings && { settings }),
        play: play(opening),
      }
    },
  }
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export const clientScenarios: readonly Scenario[] = [
  ofCaller({ title: 'a caller that leaves', expects: 'client-left' }, ({ random }) => async ({ ask }) => {
    let pieces = between(random, 1, 6)
    const heard = await ask({ tokens: 80, onPiece: () => (--pieces === 0 ? 'leave' : undefined) })
    await wait(1500)
    return [heard.ray]
  }),
  ofCaller(
    { title: 'a caller that leaves a gateway that cancels', expects: 'client-left', isAlone: true },
    ({ random }) =>
      async ({ ask }) => {
        let pieces = between(random, 1, 6)
        const heard = await ask({ tokens: 80, onPiece: () => (--pieces === 0 ? 'leave' : undefined) })
        return [heard.ray]
      },
    { onDisconnect: 'cancel' },
  ),
  ofCaller(
    { title: 'a caller that stops reading', expects: 'slow-reader', isAlone: true },
    ({ random }) =>
      async ({ ask }) => {
        const heard = ask({ tokens: 100_000, patienceMs: 12_000, onPiece: () => 'stop' })
        await wait(between(random, 100, 400))
        return [(await heard).ray]
      },
    { limits: { stalledReaderMs: 1500 } },
  ),
  ofCaller(
    { title: 'an answer is cancelled by its owner', expects: 'cancelled' },
    ({ random, model }) =>
      async ({ ask, gateway }) => {
        let pieces = 0
        let ray: string | undefined
        const struckAt = between(random, 1, 5)
        const heard = await ask({
          tokens: 80,
          path: '/v1/responses',
          body: JSON.stringify({ model, stream: true, input: 'say tokens:80' }),
          onPiece: (text) => {
            ray ??= /"id":"(?:resp_)?([0-9a-z]{22}-[a-z0-9]+)"/.exec(text)?.[1]
            if (++pieces === struckAt && ray)
              void fetch(`${gateway.url}/v1/responses/${ray}/cancel`, { method: 'POST' })
            return undefined
          },
        })
        return [heard.ray]
      },
  ),
  ofCaller({ title: 'a request that is wrong', expects: 'bad-request' }, ({ random, model }) => async ({ ask }) => {
    const [body, headers] = oneOf<[string, Record<string, string>]>(
      random,
      ['{"model": ', {}],
      [JSON.stringify({ model, messages: 7 }), {}],
      [JSON.stringify({ messages: [] }), {}],
      [JSON.stringify({ model, messages: [] }), { 'content-type': 'text/plain' }],
      [JSON.stringify({ model, messages: [{ role: 'user', content: 'x' }] }), { 'holdfast-tier': 'gold' }],
    )
    return [(await ask({ body, headers })).ray]
  }),
  ofCaller(
    { title: 'a prompt that is too long for the model', expects: 'bad-request' },
    ({ random }) =>
      async ({ ask }) => {
        const prompt = 'word '.repeat(between(random, 150_000, 200_000))
        return [(await ask({ prompt, isStream: oneOf(random, true, false) })).ray]
      },
  ),
  ofCaller(
    { title: 'a model or a path that is not there', expects: 'unknown-name' },
    ({ random }) =>
      async ({ ask }) => {
        const [model, path] = oneOf<[string, string]>(
          random,
          ['gpt-9', '/v1/chat/completions'],
          ['m', '/v1/chat/complete'],
        )
        return [(await ask({ model, path })).ray]
      },
  ),
  ofCaller(
    { title: 'a caller without a good key', expects: 'caller-key', isAlone: true },
    ({ random }) =>
      async ({ ask }) => {
        const headers = oneOf<Record<string, string>>(
          random,
          {},
          { authorization: 'Bearer sk-wrong' },
          { authorization: 'Bearer narrow-key-0123456789' },
        )
        return [(await ask({ headers })).ray]
      },
    { keys: [{ name: 'narrow', key: 'narrow-key-0123456789', models: ['another'] }] },
  ),
  ofCaller(
    { title: 'a request that never comes to its end', expects: 'slow-sender', isAlone: true },
    ({ model }) =>
      async ({ gateway }) => {
        const { port } = new URL(gateway.url)
        const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n`
        const answer = await new Promise<string>((resolve) => {
          let text = ''
          const socket = connect(Number(port), '127.0.0.1')
          socket.on('data', (bytes) => (text += bytes.toString()))
          socket.on('close', () => resolve(text))
          socket.on('error', () => {})
          socket.write(`${head}{"model":"${model}",`)
        })
        return [/holdfast-ray: (\S+)/i.exec(answer)?.[1]]
      },
    { limits: { requestMs: 1500, headersMs: 1000 } },
  ),
]
