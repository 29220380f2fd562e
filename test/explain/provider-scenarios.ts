/** Causes at providers, and in our dealings with them: limits, outages, keys, money. */
import { askTimes } from './ask.ts'
import { between, named, oneOf, type Opening, type Scenario } from './scenario.ts'
import { at, scripted, sim } from './servers.ts'

async function providers(opening: Opening, count: number): Promise<Awaited<ReturnType<typeof sim>>[]> {
  return Promise.all(Array.from({ length: count }, () => sim(opening, { profile: 'openai' })))
}

/** The simulated provider takes any key. */
process.env['HOLDFAST_LAB_KEY'] = 'lab-key-0123456789'
const keyed = { kind: 'openai', key: 'env:HOLDFAST_LAB_KEY' } as const

export const providerScenarios: readonly Scenario[] = [
  {
    title: 'a storm of 429',
    expects: 'provider-rate-limit',
    open: async (opening) => {
      const { random, name } = opening
      const servers = await providers(opening, between(random, 1, 2))
      return {
        upstreams: named(
          name,
          servers.map(({ url }) => at(url, opening, keyed)),
        ),
        play: async ({ ask }) => {
          await ask()
          for (const server of servers) server.order({ kind: '429', retryAfterMs: between(random, 1, 20) * 1000 })
          const heard = await Promise.all(Array.from({ length: between(random, 2, 6) }, () => ask()))
          return heard.slice(0, 2).map(({ ray }) => ray)
        },
      }
    },
  },
  {
    title: 'a provider fails on all keys and regions',
    expects: 'provider-outage',
    open: async (opening) => {
      const { random, name } = opening
      const servers = await providers(opening, between(random, 2, 3))
      return {
        upstreams: named(
          name,
          servers.map(({ url }) => at(url, opening, keyed)),
        ),
        play: async ({ ask }) => {
          await ask()
          for (const server of servers) server.order({ kind: oneOf(random, '500', '503') })
          const heard = await askTimes(2, () => ask({ isStream: oneOf(random, true, false) }))
          return [heard[1]?.ray]
        },
      }
    },
  },
  {
    title: 'a key that the provider does not take',
    expects: 'key-refused',
    open: async (opening) => {
      const server = await sim(opening, { profile: 'openai', apiKey: 'another-key' })
      return {
        upstreams: named(opening.name, [at(server.url, opening, keyed)]),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(opening.random, true, false) })).ray],
      }
    },
  },
  {
    title: 'an account without money',
    expects: 'quota-spent',
    open: async (opening) => {
      const { random, name } = opening
      const [status, error] = oneOf(
        random,
        [429, { message: 'You exceeded your current quota', type: 'insufficient_quota', code: 'insufficient_quota' }],
        [402, { message: 'Insufficient Balance', type: 'unknown_error', code: 'invalid_request_error' }],
        [400, { message: 'Your credit balance is too low to access the API', type: 'invalid_request_error' }],
      ) as [number, object]
      const url = await scripted(opening, (_, response) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
      })
      return {
        upstreams: named(name, [at(url, opening, keyed)]),
        play: async ({ ask }) => [(await ask()).ray],
      }
    },
  },
]
