/** Held-out cases at providers: their words for money, keys, load, and models that are no more. */
import { askTimes } from '../ask.ts'
import { between, named, oneOf, type Scenario, type Upstream } from '../scenario.ts'
import { at, scripted, sim } from '../servers.ts'

process.env['HOLDFAST_LAB_KEY'] = 'lab-key-0123456789'
process.env['HOLDFAST_LAB_KEY_B'] = 'lab-key-b-0123456789'
const key = 'env:HOLDFAST_LAB_KEY'
const openai: Partial<Upstream> = { kind: 'openai', key }
const anthropic: Partial<Upstream> = { kind: 'anthropic', key }
const json = { 'content-type': 'application/json' }

interface Refusal {
  readonly status: number
  readonly body: object
  readonly as: Partial<Upstream>
}

/** A provider that answers everything in one way. */
function refusing(head: Omit<Scenario, 'open'>, ...refusals: readonly [Refusal, ...Refusal[]]): Scenario {
  return {
    ...head,
    open: async (opening) => {
      const { status, body, as } = oneOf(opening.random, ...refusals)
      const url = await scripted(
        opening,
        (_, response) => void response.writeHead(status, json).end(JSON.stringify(body)),
      )
      return {
        upstreams: named(opening.name, [at(url, opening, as)]),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(opening.random, true, false) })).ray],
      }
    },
  }
}

export const providerCases: readonly Scenario[] = [
  refusing(
    { title: 'money, in other words', expects: 'quota-spent' },
    {
      status: 400,
      as: anthropic,
      body: {
        type: 'error',
        error: {
          type: 'invalid_request_error',
          message:
            'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
        },
      },
    },
    {
      status: 402,
      as: openai,
      body: { error: { message: 'This request requires more credits, or fewer max_tokens.', code: 402 } },
    },
    {
      status: 403,
      as: openai,
      body: {
        error: {
          message: 'Your billing account has been suspended. Please settle your outstanding balance.',
          type: 'billing_not_active',
          code: 'billing_not_active',
        },
      },
    },
    {
      status: 429,
      as: openai,
      body: {
        error: {
          message: 'Billing hard limit has been reached',
          type: 'insufficient_quota',
          param: null,
          code: 'billing_hard_limit_reached',
        },
      },
    },
  ),
  refusing(
    { title: 'a model that the provider has retired', expects: 'model-missing' },
    {
      status: 404,
      as: openai,
      body: {
        error: {
          message:
            'The model `gpt-4-32k` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations',
          type: 'invalid_request_error',
          param: null,
          code: 'model_not_found',
        },
      },
    },
    {
      status: 404,
      as: anthropic,
      body: { type: 'error', error: { type: 'not_found_error', message: 'model: claude-2.0' } },
    },
    {
      status: 400,
      as: openai,
      body: {
        error: {
          message: 'The model `llama-3-70b` has been decommissioned and is no longer supported.',
          type: 'invalid_request_error',
          code: 'model_decommissioned',
        },
      },
    },
  ),
  refusing(
    { title: 'a key that was withdrawn, or may not do this', expects: 'key-refused' },
    {
      status: 401,
      as: openai,
      body: {
        error: {
          message: 'Incorrect API key provided: sk-pr***123. You can find your API key at https://platform.openai.com.',
          type: 'invalid_request_error',
          code: 'invalid_api_key',
        },
      },
    },
    {
      status: 401,
      as: anthropic,
      body: { type: 'error', error: { type: 'authentication_error', message: 'invalid x-api-key' } },
    },
    {
      status: 403,
      as: openai,
      body: {
        error: {
          message: 'You have insufficient permissions for this operation. Missing scopes: model.request.',
          type: 'invalid_request_error',
          code: 'missing_scope',
        },
      },
    },
    {
      status: 401,
      as: { kind: 'openai' },
      body: { error: { message: "You didn't provide an API key.", type: 'invalid_request_error', code: null } },
    },
  ),
  {
    title: 'the caller’s own key is refused by the provider',
    expects: 'caller-key',
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { profile: 'openai', apiKey: 'the-right-one' })
      return {
        upstreams: named(name, [at(server.url, opening, { kind: 'openai', key: 'caller' })]),
        play: async ({ ask }) => {
          await askTimes(between(random, 0, 2), () => ask({ headers: { authorization: 'Bearer the-right-one' } }))
          return [
            (await ask({ headers: { authorization: 'Bearer sk-of-yesterday' }, isStream: oneOf(random, true, false) }))
              .ray,
          ]
        },
      }
    },
  },
  {
    title: 'a provider is overloaded and says so, before or in the middle',
    expects: 'server-busy',
    alsoRight: ['provider-outage'],
    open: async (opening) => {
      const { random, name } = opening
      const afterEvents = oneOf(random, 0, 0, 2)
      const error = JSON.stringify({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } })
      const url = await scripted(opening, (_, response) => {
        if (afterEvents === 0) return void response.writeHead(529, json).end(error)
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        const message = {
          id: 'm',
          type: 'message',
          role: 'assistant',
          content: [],
          model: 'x',
          stop_reason: null,
          usage: { input_tokens: 1, output_tokens: 1 },
        }
        response.write(`event: message_start\ndata: ${JSON.stringify({ type: 'message_start', message })}\n\n`)
        response.write(
          `event: content_block_start\ndata: ${JSON.stringify({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } })}\n\n`,
        )
        for (let i = 0; i < afterEvents; i++)
          response.write(
            `event: content_block_delta\ndata: ${JSON.stringify({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: `w${i} ` } })}\n\n`,
          )
        response.end(`event: error\ndata: ${error}\n\n`)
      })
      return {
        upstreams: named(name, [at(url, opening, { ...anthropic, continues: [] })]),
        play: async ({ ask }) => {
          const body = JSON.stringify({
            model: opening.model,
            stream: true,
            max_tokens: 50,
            messages: [{ role: 'user', content: 'hello' }],
          })
          return [(await ask({ path: '/v1/messages', body })).ray]
        },
      }
    },
  },
  {
    title: 'all keys of a provider are limited',
    expects: 'provider-rate-limit',
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { profile: 'openai', requestsPerMinute: between(random, 2, 4) })
      return {
        upstreams: named(name, [at(server.url, opening, { kind: 'openai', keys: [key, 'env:HOLDFAST_LAB_KEY_B'] })]),
        play: async ({ ask }) => {
          const heard = await Promise.all(
            Array.from({ length: 8 }, () => ask({ isStream: oneOf(random, true, false) })),
          )
          return heard
            .filter(({ status }) => status >= 400)
            .map(({ ray }) => ray)
            .slice(0, 2)
        },
      }
    },
  },
  {
    title: 'a provider takes calls in all regions and answers none',
    expects: 'provider-outage',
    open: async (opening) => {
      const { random, name } = opening
      const servers = await Promise.all(
        Array.from({ length: between(random, 2, 3) }, () => sim(opening, { profile: 'openai' })),
      )
      return {
        upstreams: named(
          name,
          servers.map(({ url }) => at(url, opening, openai)),
        ),
        play: async ({ ask }) => {
          await askTimes(2, () => ask())
          for (const server of servers) server.order({ kind: 'hang' })
          const heard = await Promise.all(
            Array.from({ length: between(random, 2, 3) }, (_, i) => ask({ prompt: `${i}` })),
          )
          return heard.slice(0, 1).map(({ ray }) => ray)
        },
      }
    },
  },
]
