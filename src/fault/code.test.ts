// Tests of the fault table: each row is complete, and the rows agree with what clients and proxies understand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FaultCode, faultKinds, faultKind } from './code.ts'
import type { FaultKind } from './fault-kind.ts'

const rows = Object.entries(faultKinds) as [FaultCode, FaultKind][]

/** RFC 9209, section 2.3. */
const proxyErrors = new Set(
  `dns_timeout dns_error destination_not_found destination_unavailable destination_ip_prohibited
  destination_ip_unroutable connection_refused connection_terminated connection_timeout connection_read_timeout
  connection_write_timeout connection_limit_reached tls_protocol_error tls_certificate_error tls_alert_received
  http_request_error http_request_denied http_response_incomplete http_response_header_section_size
  http_response_header_size http_response_body_size http_response_trailer_section_size http_response_trailer_size
  http_response_transfer_coding http_response_content_coding http_response_timeout http_response_status
  http_upgrade_failed http_protocol_error proxy_internal_response proxy_internal_error proxy_configuration_error
  proxy_loop_detected`.split(/\s+/),
)

/** Types that Anthropic’s clients know by name. */
const anthropicTypes = new Set(
  `invalid_request_error authentication_error billing_error permission_error not_found_error request_too_large
  rate_limit_error timeout_error api_error overloaded_error`.split(/\s+/),
)

test('every code is spelled HF_… and found by its name', () => {
  for (const [code, kind] of rows) {
    assert.match(code, /^HF_[A-Z]+(_[A-Z]+)*$/)
    assert.equal(faultKind(code), kind)
  }
})

test('every row has a title, a sentence and a cure that read as such', () => {
  for (const [code, { title, sentence, cure }] of rows) {
    assert.match(title, /^\p{Lu}[^.]{2,60}$/u, `${code}: title`)
    assert.match(sentence, /^\p{Lu}.{9,160}\.$/u, `${code}: sentence`)
    assert.match(cure, /^\S.{9,250}\.$/u, `${code}: cure`)
  }
})

test('titles and sentences are not shared, so that a person can tell two faults apart', () => {
  assert.equal(new Set(rows.map(([, { title }]) => title)).size, rows.length)
  assert.equal(new Set(rows.map(([, { sentence }]) => sentence)).size, rows.length)
})

test('every status is an error, and no fault is told as a naked 500 but our own', () => {
  for (const [code, { status, source }] of rows) {
    assert.ok(Number.isInteger(status) && status >= 400 && status <= 599, `${code}: ${status}`)
    if (status === 500) assert.ok(source === 'gateway' || source === 'operator', code)
    // RFC 9111, section 5.2.1.7, wants 504 of whoever has not what `only-if-cached` asks for.
    if (source === 'client' && code !== 'HF_NOT_KEPT')
      assert.ok(status < 500, `${code} blames the caller with ${status}`)
  }
})

test('what the caller did wrong is not worth trying again, by us or by the caller', () => {
  for (const [code, { source, retry }] of rows) if (source === 'client') assert.equal(retry, 'no', code)
  for (const [code, { status, shouldCallerRetry }] of rows) {
    if ([400, 401, 403, 404, 405, 413, 415, 422, 431].includes(status)) assert.equal(shouldCallerRetry, false, code)
  }
})

test('whatever is worth another try within the house is worth one by the caller, but for the operator’s own mistakes', () => {
  for (const [code, { retry, shouldCallerRetry, source }] of rows) {
    if (retry !== 'no' && source !== 'operator') assert.equal(shouldCallerRetry, true, code)
  }
})

test('proxy errors are those of RFC 9209, types are those that clients know', () => {
  for (const [code, { proxyError, anthropic, openai }] of rows) {
    if (proxyError !== null) assert.ok(proxyErrors.has(proxyError), `${code}: ${proxyError}`)
    assert.ok(anthropicTypes.has(anthropic), `${code}: ${anthropic}`)
    for (const word of openai) assert.match(word, /^[a-z]+(_[a-z]+)*$/, `${code}: ${word}`)
  }
})

test('rate limits and overload are told by the statuses on which clients wait', () => {
  for (const [code, { status, anthropic }] of rows) {
    if (anthropic === 'rate_limit_error') assert.equal(status, 429, code)
    if (anthropic === 'overloaded_error') assert.ok(status === 503 || status === 529, `${code}: ${status}`)
  }
})
