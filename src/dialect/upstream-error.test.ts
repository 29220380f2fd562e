/** Refusals as real servers spell them, and the fault each becomes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Fault } from '../fault/fault.ts'
import type { Family } from './call.ts'
import { readEmbeddedError, readUpstreamError } from './upstream-error.ts'

const nowMs = Date.UTC(2026, 10, 20, 12, 0, 0)

function read(status: number, body: string, headers: Record<string, string> = {}, family: Family = 'openai'): Fault {
  return readUpstreamError(status, headers, Buffer.from(body), family, nowMs)
}

describe('readUpstreamError', () => {
  const page = '<html><head><title>502 Bad\nGateway</title></head><body>nginx</body></html>'
  const cases: [status: number, body: string, code: string, detail: RegExp, family?: Family][] = [
    [
      400,
      '{"error":{"message":"This model’s maximum context length is 4096 tokens","type":"invalid_request_error","code":"context_length_exceeded"}}',
      'HF_CALL_REFUSED',
      /^status 400: This model’s maximum/,
    ],
    [
      400,
      '{"object":"error","message":"temperature must be non-negative","type":"BadRequestError","param":null,"code":400}',
      'HF_CALL_REFUSED',
      /non-negative/,
    ],
    [
      400,
      '{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":9}}',
      'HF_CALL_REFUSED',
      /context size/,
    ],
    [
      422,
      '{"detail":[{"loc":["body","messages",0,"role"],"msg":"Field required"},{"loc":["body"],"msg":"x"}]}',
      'HF_CALL_REFUSED',
      /messages\.0\.role: Field required; body: x/,
    ],
    [422, 'Failed to deserialize the JSON body', 'HF_CALL_REFUSED', /deserialize/],
    [400, '{"error":"invalid image"}', 'HF_CALL_REFUSED', /invalid image/],
    [
      400,
      '[{"error":{"code":400,"message":"Invalid value","status":"INVALID_ARGUMENT"}}]',
      'HF_CALL_REFUSED',
      /Invalid value/,
    ],
    [413, '<html><title>413 Request Entity Too Large</title>', 'HF_CALL_REFUSED', /titled “413 Request/],
    [
      413,
      '{"type":"error","error":{"type":"request_too_large","message":"Too big"}}',
      'HF_CALL_REFUSED',
      /Too big/,
      'anthropic',
    ],
    [
      400,
      '<html><head><title>400 The plain HTTP request was sent to HTTPS port</title>',
      'HF_UPSTREAM_ERROR',
      /plain HTTP request/,
    ],
    [
      400,
      '{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}',
      'HF_UPSTREAM_QUOTA_SPENT',
      /credit/,
      'anthropic',
    ],
    [400, '', 'HF_CALL_REFUSED', /^status 400$/],
    [
      401,
      '{"error":{"message":"Incorrect API key provided: sk-abcd1234efgh5678.","code":"invalid_api_key"}}',
      'HF_UPSTREAM_KEY_REFUSED',
      /provided: …/,
    ],
    [402, '{"error":{"message":"Insufficient credits","code":402}}', 'HF_UPSTREAM_QUOTA_SPENT', /credits/],
    [
      429,
      '[{"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED"}}]',
      'HF_UPSTREAM_RATE_LIMITED',
      /exceeded/,
    ],
    [403, 'Forbidden', 'HF_UPSTREAM_KEY_REFUSED', /Forbidden/],
    [
      404,
      '{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404}',
      'HF_UPSTREAM_MODEL_MISSING',
      /does not exist/,
    ],
    [
      404,
      '{"error":{"message":"model \\"x\\" not found, try pulling it first","type":"not_found_error"}}',
      'HF_UPSTREAM_MODEL_MISSING',
      /pulling/,
    ],
    [404, '{"error":{"message":"You lack access","code":"model_not_found"}}', 'HF_UPSTREAM_MODEL_MISSING', /access/],
    [400, '{"error":{"message":"It is gone","code":"model_decommissioned"}}', 'HF_UPSTREAM_MODEL_MISSING', /gone/],
    [
      404,
      '{"type":"error","error":{"type":"not_found_error","message":"model: claude-9"}}',
      'HF_UPSTREAM_MODEL_MISSING',
      /claude-9/,
      'anthropic',
    ],
    [
      404,
      '{"error":{"message":"Response with id resp_1 not found.","type":"invalid_request_error","param":"previous_response_id"}}',
      'HF_CALL_REFUSED',
      /resp_1/,
    ],
    [404, '{"detail":"Not Found"}', 'HF_UPSTREAM_ERROR', /Not Found/],
    [404, '{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}', 'HF_UPSTREAM_ERROR', /File/],
    [
      404,
      '{"error":{"message":"Invalid URL (POST /v1/v1/chat/completions)","type":"invalid_request_error"}}',
      'HF_UPSTREAM_ERROR',
      /Invalid URL/,
    ],
    [404, '404 page not found', 'HF_UPSTREAM_ERROR', /page not found/],
    [405, '{"detail":"Method Not Allowed"}', 'HF_UPSTREAM_ERROR', /Method/],
    [408, '', 'HF_FIRST_TOKEN_TIMEOUT', /408/],
    [
      429,
      '{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}',
      'HF_UPSTREAM_QUOTA_SPENT',
      /quota/,
    ],
    [500, '{"error":{"message":"CUDA error","type":"internal_error"}}', 'HF_UPSTREAM_ERROR', /CUDA/],
    [500, 'Internal Server Error', 'HF_UPSTREAM_ERROR', /Internal Server Error/],
    [502, page, 'HF_UPSTREAM_ERROR', /^status 502: an HTML page titled “502 Bad Gateway”$/],
    [503, '{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}', 'HF_UPSTREAM_BUSY', /Loading/],
    [504, page, 'HF_FIRST_TOKEN_TIMEOUT', /HTML page/],
    [524, '', 'HF_FIRST_TOKEN_TIMEOUT', /524/],
    [
      529,
      '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
      'HF_UPSTREAM_BUSY',
      /Overloaded/,
      'anthropic',
    ],
    [204, '', 'HF_UPSTREAM_EMPTY', /204/],
    [301, page, 'HF_UPSTREAM_GARBLED', /301/],
    [202, '{}', 'HF_UPSTREAM_GARBLED', /202/],
  ]
  for (const [status, body, code, detail, family] of cases) {
    test(`reads ${status} ${body.slice(0, 60).replaceAll('\n', ' ')} as ${code}`, () => {
      const fault = read(status, body, {}, family)
      assert.equal(fault.code, code)
      assert.match(fault.detail, detail)
      assert.equal(fault.receivedStatus, status)
    })
  }

  test('lets the caller see a refusal with its status, its field and the upstream’s own words', () => {
    const body = '{"error":{"message":"bad","type":"t","param":"top_k","code":"c"}}'
    const fault = read(422, body)
    assert.equal(fault.status, 422)
    assert.equal(fault.param, 'top_k')
    assert.equal(fault.upstreamBody?.toString(), body)
    assert.equal(read(500, body).upstreamBody, undefined)
    assert.equal(read(401, body).upstreamBody, undefined)
    assert.equal(read(413, '<html>').upstreamBody, undefined)
  })

  test('keeps details short, on one line and without control characters', () => {
    const fault = read(500, `{"error":{"message":"a\\u0000b\\nc${'x'.repeat(10_000)}"}}`)
    assert.match(fault.detail, /^status 500: a b cx+$/)
    assert.equal(fault.detail.length, 2048)
  })

  const waits: [Record<string, string>, number | undefined][] = [
    [{}, undefined],
    [{ 'retry-after': '2' }, 2000],
    [{ 'retry-after': ' 0.25 ' }, 250],
    [{ 'retry-after-ms': '400', 'retry-after': '9' }, 400],
    [{ 'retry-after-ms': 'soon', 'retry-after': '9' }, 9000],
    [{ 'retry-after': 'Fri, 20 Nov 2026 12:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Fri, 20 Nov 2026 11:00:30 GMT' }, 0],
    [{ 'retry-after': '86400' }, 3_600_000],
    [{ 'retry-after': 'Fri, 20 Nov 2037 12:00:30 GMT' }, 3_600_000],
    [{ 'retry-after': '-1' }, undefined],
    [{ 'retry-after': '1e9' }, undefined],
    [{ 'retry-after': 'tomorrow' }, undefined],
  ]
  for (const [headers, expected] of waits) {
    test(`comes back after ${JSON.stringify(headers)}`, () =>
      assert.equal(read(503, '', headers).retryAfterMs, expected))
  }

  test('bears any status, any bytes and any headers', () => {
    const headers = fc.dictionary(fc.constantFrom('retry-after', 'retry-after-ms', 'content-type'), fc.string())
    const body = fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => Buffer.from(text)),
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 999 }),
        body,
        headers,
        fc.constantFrom('openai' as const, 'anthropic' as const),
        (status, bytes, head, family) => {
          const fault = readUpstreamError(status, head, Buffer.from(bytes), family, nowMs)
          assert.ok(fault.detail.length <= 2048)
          assert.ok((fault.retryAfterMs ?? 0) >= 0 && (fault.retryAfterMs ?? 0) <= 3_600_000)
        },
      ),
    )
  })
})

describe('readEmbeddedError', () => {
  const cases: [unknown, string][] = [
    [{ error: { message: 'x', code: 502 } }, 'HF_UPSTREAM_ERROR'],
    [{ error: { message: 'x', code: 429 } }, 'HF_UPSTREAM_RATE_LIMITED'],
    [{ error: { message: 'x', code: 'insufficient_quota' } }, 'HF_UPSTREAM_QUOTA_SPENT'],
    [{ error: { message: 'x', type: 'BadRequestError', code: 400 } }, 'HF_CALL_REFUSED'],
    [{ error: { message: 'x', code: 'context_length_exceeded' } }, 'HF_CALL_REFUSED'],
    [{ type: 'error', error: { type: 'overloaded_error', message: 'x' } }, 'HF_UPSTREAM_BUSY'],
    [{ type: 'error', error: { type: 'authentication_error', message: 'x' } }, 'HF_UPSTREAM_KEY_REFUSED'],
    [{ type: 'error', error: { type: 'timeout_error', message: 'x' } }, 'HF_FIRST_TOKEN_TIMEOUT'],
    [{ error: 'x' }, 'HF_UPSTREAM_ERROR'],
    [{}, 'HF_UPSTREAM_ERROR'],
    [null, 'HF_UPSTREAM_ERROR'],
  ]
  for (const [value, code] of cases) {
    test(`reads ${JSON.stringify(value)} as ${code}`, () => {
      const fault = readEmbeddedError(value, 'openai')
      assert.equal(fault.code, code)
      if (code === 'HF_CALL_REFUSED') assert.deepEqual(JSON.parse(fault.upstreamBody?.toString() ?? ''), value)
    })
  }
})
