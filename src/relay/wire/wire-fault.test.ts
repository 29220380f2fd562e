/** Which error of a socket is which fault, by how far the connection had come. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokenFault, connectFault, connectTimeoutFault } from './wire-fault.ts'

const failure = (code: string) => Object.assign(new Error(`it failed: ${code}`), { code })
const during = (stage: 'lookup' | 'connect' | 'tls', code: string) =>
  connectFault(failure(code), stage, 'gpu1:8000').code

test('a failed lookup is one, whatever its error', () => {
  for (const code of ['ENOTFOUND', 'EAI_AGAIN', 'ESERVFAIL', 'ECONNREFUSED'])
    assert.equal(during('lookup', code), 'HF_DNS_FAILED')
})

test('what the network says of a connection attempt tells a dead process from a missing route', () => {
  const expected = {
    ECONNREFUSED: 'HF_UPSTREAM_REFUSED',
    ETIMEDOUT: 'HF_CONNECT_TIMEOUT',
    ECONNRESET: 'HF_UPSTREAM_RESET',
    EMFILE: 'HF_QUEUE_FULL',
    EHOSTUNREACH: 'HF_NO_ROUTE',
    ENETUNREACH: 'HF_NO_ROUTE',
    EACCES: 'HF_NO_ROUTE',
    EINVAL: 'HF_NO_ROUTE',
  }
  for (const [code, fault] of Object.entries(expected)) assert.equal(during('connect', code), fault, code)
})

test('a verdict on the certificate is told from a handshake that failed', () => {
  const verdicts = [
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'CERT_UNTRUSTED',
    'CERT_REVOKED',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'INVALID_CA',
    'HOSTNAME_MISMATCH',
    'ERR_SSL_CERTIFICATE_VERIFY_FAILED',
    'CRL_HAS_EXPIRED',
    'UNABLE_TO_GET_CRL',
  ]
  for (const code of verdicts) assert.equal(during('tls', code), 'HF_TLS_CERTIFICATE', code)
  for (const code of [
    'EPROTO',
    'ECONNRESET',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
  ]) {
    assert.equal(during('tls', code), 'HF_TLS_FAILED', code)
  }
})

test('a limit that ran out names the step that was slow', () => {
  assert.equal(connectTimeoutFault('lookup', 'gpu1:8000', 50).code, 'HF_DNS_TIMEOUT')
  assert.equal(connectTimeoutFault('connect', 'gpu1:8000', 50).detail, 'gpu1:8000 after 50 ms')
  assert.equal(connectTimeoutFault('tls', 'gpu1:8000', 50).detail, 'TLS handshake with gpu1:8000 after 50 ms')
})

test('an answer that broke is reset before its first byte and cut after it', () => {
  const answer = { hasBegun: false, isReused: false, where: 'gpu1:8000' }
  assert.equal(brokenFault(failure('ECONNRESET'), answer).code, 'HF_UPSTREAM_RESET')
  assert.equal(brokenFault(failure('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), answer).code, 'HF_TLS_FAILED')
  assert.equal(brokenFault(failure('ETIMEDOUT'), { ...answer, hasBegun: true }).code, 'HF_UPSTREAM_CUT')
  assert.equal(brokenFault(null, { ...answer, isReused: true }).detail, 'closed by gpu1:8000, reused connection')
})
