/** Held-out cases on the way to model servers: resolvers, hosts that vanish, certificates, and what stands between. */
import { openFaultProxy } from '../../../lab/fault-proxy.ts'
import { askTimes } from '../ask.ts'
import { openHost, ownNetwork } from '../own-network.ts'
import { between, named, oneOf, type Scenario } from '../scenario.ts'
import { strikeMiddle } from '../server-scenarios.ts'
import { at, scripted, sim } from '../servers.ts'
import { certificate, type Flaw } from './certificates.ts'
import { type NameState, setName } from './resolver.ts'
import { openTunnel } from './tunnel.ts'

/** What stands between says this in the server's place. */
const pages: readonly (readonly [number, string, string])[] = [
  [
    504,
    'text/html',
    '<html><head><title>504 Gateway Time-out</title></head><body><center><h1>504 Gateway Time-out</h1></center><hr><center>nginx/1.24.0</center></body></html>',
  ],
  [503, 'text/plain', 'upstream connect error or disconnect/reset before headers. reset reason: connection failure'],
  [503, 'text/plain', 'no healthy upstream'],
  [
    503,
    'text/html',
    '<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>',
  ],
  [
    524,
    'text/html',
    '<!DOCTYPE html><html><head><title>gpu.example | 524: A timeout occurred</title></head><body>Cloudflare Ray ID: 8f</body></html>',
  ],
  [
    403,
    'text/html',
    '<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body>Sorry, you have been blocked</body></html>',
  ],
  [
    413,
    'text/html',
    '<html><head><title>413 Request Entity Too Large</title></head><body><center>nginx</center></body></html>',
  ],
]

let nameCount = 0

export const networkCases: readonly Scenario[] = [
  {
    title: 'a resolver that does not know a name, fails, or is silent',
    expects: 'name-not-resolved',
    open: async (opening) => {
      const { random, name, model } = opening
      const host = ownNetwork ? `gpu${nameCount++}.holdfast-lab.test` : 'gpu.holdfast-lab.invalid'
      if (ownNetwork) await setName(host, oneOf<NameState>(random, 'unknown', 'failing', 'silent'))
      return {
        upstreams: named(name, [at(`http://${host}:8000`, { model })]),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(random, true, false) })).ray],
      }
    },
  },
  {
    title: 'a host that vanishes in the middle of an answer',
    expects: 'host-unreachable',
    needsNetwork: true,
    open: async (opening) => {
      const { random, name } = opening
      const host = openHost()
      const server = await sim(opening, { host: host.address, engine: { decodeRate: 40 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        play: async (playing) => {
          await askTimes(between(random, 1, 2), () => playing.ask())
          const struck = await strikeMiddle(playing, () => host.vanish(), { after: between(random, 2, 8) })
          const after = await playing.ask({ isStream: oneOf(random, true, false) })
          return [struck.ray, after.ray]
        },
      }
    },
  },
  {
    title: 'a firewall that rejects, or an address of a kind that this machine cannot reach',
    expects: 'no-route',
    needsNetwork: true,
    open: async ({ random, name, model }) => {
      const host = oneOf(random, '10.79.0.3', '[2001:db8::7]')
      return {
        upstreams: named(name, [at(`http://${host}:8000`, { model })]),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(random, true, false) })).ray],
      }
    },
  },
  {
    title: 'a certificate was renewed, and not well',
    expects: 'bad-certificate',
    open: async (opening) => {
      const { parts, random, name } = opening
      const server = await sim(opening)
      const flaw = oneOf<Flaw>(random, 'expired', 'not-yet', 'other-host', 'other-authority')
      const tunnel = await openTunnel(parts, server.url, certificate('none'))
      const bad = certificate(flaw)
      return {
        upstreams: named(name, [at(`https://127.0.0.1:${tunnel.port}`, opening)]),
        play: async ({ ask }) => {
          await askTimes(between(random, 1, 2), () => ask())
          tunnel.renew(bad)
          tunnel.cut()
          return [(await ask({ isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  {
    title: 'a TLS end that wants another version, or a certificate of ours',
    expects: 'tls-handshake',
    open: async (opening) => {
      const { parts, random, name } = opening
      const server = await sim(opening)
      const wish = oneOf(
        random,
        { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const,
        { requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' } as const,
        { requestCert: true, rejectUnauthorized: true } as const,
      )
      const tunnel = await openTunnel(parts, server.url, { ...certificate('none'), ...wish })
      return {
        upstreams: named(name, [at(`https://127.0.0.1:${tunnel.port}`, opening)]),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(random, true, false) })).ray],
      }
    },
  },
  {
    title: 'something between cuts what is silent for long, while the server reads the prompt',
    expects: 'link-broken',
    open: async (opening) => {
      const { parts, random, name } = opening
      const server = await sim(opening)
      const link = parts.use(await openFaultProxy({ target: server.url }))
      return {
        upstreams: named(name, [at(link.url, opening)]),
        play: async ({ ask }) => {
          await askTimes(2, () => ask())
          link.cut('fin')
          link.add({ kind: 'cut', afterMs: between(random, 250, 500), how: oneOf(random, 'rst', 'fin') })
          server.order({ kind: 'slow-first-token', ms: 1000, match: { promptContains: 'long' } })
          const struck = await ask({ prompt: 'long', isStream: oneOf(random, true, false) })
          await askTimes(2, () => ask())
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'something between cuts every long answer at the same size',
    expects: 'link-broken',
    open: async (opening) => {
      const { parts, random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 60 } })
      const link = parts.use(await openFaultProxy({ target: server.url }))
      return {
        upstreams: named(name, [at(link.url, opening, { continues: [] })]),
        play: async ({ ask }) => {
          await askTimes(between(random, 1, 2), () => ask({ tokens: 3 }))
          link.cut('fin')
          link.add({ kind: 'cut', direction: 'down', afterBytes: between(random, 5, 9) * 1024, how: 'rst' })
          const beside = askTimes(3, () => ask({ tokens: 3 }))
          const struck = await ask({ tokens: 120 })
          await beside
          await askTimes(2, () => ask({ tokens: 3 }))
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'a connection is forgotten on the way, others go on',
    expects: 'answer-stalled',
    open: async (opening) => {
      const { parts, random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 40 } })
      const tunnel = await openTunnel(parts, server.url)
      return {
        upstreams: named(name, [at(`http://127.0.0.1:${tunnel.port}`, opening)]),
        play: async (playing) => {
          await askTimes(between(random, 1, 2), () => playing.ask())
          let beside: Promise<unknown> = Promise.resolve()
          const strike = (): void => {
            tunnel.forget()
            beside = askTimes(5, () => playing.ask({ tokens: 15, prompt: 'beside' }))
          }
          const struck = await strikeMiddle(playing, strike, { after: between(random, 2, 8), tokens: 80 })
          await beside
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'pages of load balancers and walls',
    expects: 'proxy-page',
    open: async (opening) => {
      const { random, name, model } = opening
      const [status, type, page] = oneOf(random, ...(pages as [(typeof pages)[number]]))
      let isThrough = true
      const server = await sim(opening)
      const url = await scripted(opening, (request, response, body) => {
        if (!isThrough) return void response.writeHead(status, { 'content-type': type }).end(page)
        void fetch(`${server.url}${request.url}`, {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/json' },
        }).then(async (answer) =>
          response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text()),
        )
      })
      return {
        upstreams: named(name, [at(url, { model })]),
        play: async ({ ask }) => {
          await askTimes(between(random, 0, 2), () => ask({ isStream: false }))
          isThrough = false
          return [(await ask({ isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
]
