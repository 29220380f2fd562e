/** What the console, `holdfast check` and the record see of a configuration: never a secret, wherever one can stand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkConfig } from '../config.ts'
import { writeYaml } from '../config-file.ts'
import { withoutSecrets } from './without-secrets.ts'

const secret = 'hush-hush-hush-hush-hush-hush-hush-hush'

const config = checkConfig({
  admin: { port: 5021, token: secret },
  tls: { acme: { names: ['a.example.org'], agreeToTerms: true, eab: { kid: 'me', key: secret } } },
  upstreams: {
    one: { url: 'http://127.0.0.1:1/v1', key: secret },
    several: { url: 'http://127.0.0.1:2/v1', keys: [secret, `${secret}-2`] },
    named: { url: 'http://127.0.0.1:3/v1', key: 'env:THE_KEY' },
  },
  keys: [{ name: 'app', key: secret }],
  telemetry: { otlp: { url: 'http://127.0.0.1:4318', headers: { 'api-key': secret } } },
  status: {
    url: 'https://status.example.org',
    subscriptions: { mail: { host: '127.0.0.1', from: 'a@example.org', user: 'a', password: secret } },
    page: { bucket: { endpoint: 'https://s3.example', name: 'page', accessKey: secret, secretKey: secret } },
  },
  alerts: {
    receivers: {
      hook: { webhook: { url: `http://127.0.0.1:9/${secret}`, secret, token: secret } },
      chat: { slack: { url: `https://hooks.example/${secret}` } },
      pager: { pagerduty: { key: secret } },
      manager: { alertmanager: { url: `http://127.0.0.1:9/${secret}`, token: secret } },
      mail: { mail: { host: '127.0.0.1', from: 'a@example.org', to: ['b@example.org'], user: 'a', password: secret } },
    },
  },
})

test('no secret is shown, wherever one can stand; what names a variable is', () => {
  const shown = writeYaml(withoutSecrets(config))
  assert.ok(
    !shown.includes('hush'),
    shown
      .split('\n')
      .filter((line) => line.includes('hush'))
      .join('\n'),
  )
  assert.match(shown, /key: env:THE_KEY/)
  assert.match(shown, /api-key: \(hidden\)/)
})
