// Tests of which URLs may be webhooks.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { webhookProblem } from './webhook-url.ts'

test('public https is taken', () => {
  for (const url of [
    'https://example.com/hook',
    'https://example.com:8443/a?b=c',
    'https://1.1.1.1/',
    'https://[2606:4700::1]/',
  ])
    assert.equal(webhookProblem(url, false), null, url)
})

test('whatever leads into the house, in any spelling, is not', () => {
  for (const url of [
    ...[
      'http://example.com/',
      'ftp://example.com/',
      'file:///etc/passwd',
      'nonsense',
      'https://user:word@example.com/',
    ],
    ...['https://127.0.0.1/', 'https://2130706433/', 'https://0x7f.1/', 'https://0177.0.0.1/', 'https://10.0.0.1./'],
    ...['https://localhost/', 'https://a.localhost/', 'https://db.internal/', 'https://printer.local/', 'https://db/'],
    ...['https://169.254.169.254/latest/meta-data', 'https://metadata.google.internal/', 'https://[::1]/'],
    ...['https://[::ffff:10.0.0.1]/', 'https://[fe80::1]/', `https://example.com/${'x'.repeat(2048)}`],
  ])
    assert.notEqual(webhookProblem(url, true), null, url)
})

test('this very machine by plain http is taken only where it is allowed', () => {
  for (const url of ['http://localhost:4000/hook', 'http://127.0.0.1:4000/', 'http://[::1]:4000/']) {
    assert.equal(webhookProblem(url, true), null, url)
    assert.notEqual(webhookProblem(url, false), null, url)
  }
})
