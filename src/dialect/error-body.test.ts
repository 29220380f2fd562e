/** The body and the event of a fault, in each family’s shape. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { faultKinds, type FaultCode } from '../fault/code.ts'
import { Fault } from '../fault/fault.ts'
import { routeNames, type Family } from './call.ts'
import { errorBody, errorEvent } from './error-body.ts'
import { readUpstreamError } from './upstream-error.ts'

const ray = '06c8m0dfk2h3vd4zq7k1hb-ams'
const parsed = (fault: Fault, family: Family): unknown => JSON.parse(errorBody(fault, ray, family).toString())

describe('errorBody', () => {
  test('has the OpenAI shape', () => {
    assert.deepEqual(
      parsed(new Fault('HF_UPSTREAM_BUSY', { detail: 'http://10.0.0.7 said 503', retryAfterMs: 1499.7 }), 'openai'),
      {
        error: {
          message: 'The model servers have more work than they can take right now.',
          type: 'service_unavailable_error',
          param: null,
          code: 'server_is_overloaded',
          ray,
          cause: 'HF_UPSTREAM_BUSY',
          retryable: true,
          retry_after_ms: 1500,
        },
      },
    )
  })

  test('has the Anthropic shape', () => {
    assert.deepEqual(parsed(new Fault('HF_BAD_CALL', { detail: 'model is missing', param: 'model' }), 'anthropic'), {
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message: 'A field of the request is missing or has the wrong type: model is missing.',
        param: 'model',
        ray,
        cause: 'HF_BAD_CALL',
        retryable: false,
      },
      request_id: ray,
    })
  })

  test('tells details of the caller’s own request only', () => {
    for (const code of Object.keys(faultKinds) as FaultCode[]) {
      for (const family of ['openai', 'anthropic'] as const) {
        const text = JSON.stringify(parsed(new Fault(code, { detail: 'inner detail' }), family))
        assert.equal(text.includes('inner detail'), faultKinds[code].source === 'client', code)
      }
    }
  })

  const openaiRefusal = readUpstreamError(
    422,
    {},
    Buffer.from(
      '{"error":{"message":"too long","type":"BadRequestError","param":"messages","code":"context_length_exceeded","n_ctx":512}}',
    ),
    'openai',
    0,
  )
  const anthropicRefusal = readUpstreamError(
    413,
    {},
    Buffer.from('{"type":"error","error":{"type":"request_too_large","message":"too big"},"request_id":"req_1"}'),
    'anthropic',
    0,
  )
  const ours = { ray, cause: 'HF_CALL_REFUSED', retryable: false }

  test('passes on an upstream’s own words in its own family', () => {
    assert.deepEqual(parsed(openaiRefusal, 'openai'), {
      error: {
        message: 'too long',
        type: 'BadRequestError',
        param: 'messages',
        code: 'context_length_exceeded',
        n_ctx: 512,
        ...ours,
      },
    })
    assert.deepEqual(parsed(anthropicRefusal, 'anthropic'), {
      type: 'error',
      error: { type: 'request_too_large', message: 'too big', ...ours },
      request_id: ray,
    })
  })

  test('passes on an upstream’s words in the other family', () => {
    assert.deepEqual(parsed(openaiRefusal, 'anthropic'), {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'too long', param: 'messages', ...ours },
      request_id: ray,
    })
    assert.deepEqual(parsed(anthropicRefusal, 'openai'), {
      error: { message: 'too big', type: 'invalid_request_error', param: null, code: 'invalid_request', ...ours },
    })
  })

  test('does not break on an upstream body that is no JSON', () => {
    assert.match(
      JSON.stringify(
        parsed(new Fault('HF_CALL_REFUSED', { detail: 'why', upstreamBody: Buffer.from('<p>') }), 'openai'),
      ),
      /why/,
    )
  })
})

describe('errorEvent', () => {
  test('is one SSE event in the language of the route, and never [DONE]', () => {
    const fault = new Fault('HF_UPSTREAM_CUT', { detail: 'a\nb' })
    for (const route of routeNames) {
      const text = errorEvent(fault, ray, route).toString()
      assert.match(text, /^(event: error\n)?data: \{[^\n]*\}\n\n$/)
      assert.ok(!text.includes('[DONE]'))
    }
    assert.match(errorEvent(fault, ray, 'chat').toString(), /^data: \{"error":\{"message":"The model server broke off/)
    assert.match(
      errorEvent(fault, ray, 'messages').toString(),
      /^event: error\ndata: \{"type":"error","error":\{"type":"api_error"/,
    )
    const responses = JSON.parse(
      errorEvent(fault, ray, 'responses').toString().slice('event: error\ndata: '.length),
    ) as Record<string, unknown>
    assert.deepEqual(
      [responses['type'], responses['code'], responses['cause']],
      ['error', 'upstream_unavailable', 'HF_UPSTREAM_CUT'],
    )
  })
})
