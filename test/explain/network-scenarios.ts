/** Causes on the way to model servers: names, firewalls, routes, certificates, links, and proxies between. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFaultProxy } from '../../lab/fault-proxy.ts'
import { askTimes } from './ask.ts'
import { ownNetwork } from './own-network.ts'
import { between, named, oneOf, type Opening, type Scenario } from './scenario.ts'
import { strikeMiddle } from './server-scenarios.ts'
import { at, sim } from './servers.ts'

/** What `own-network.ts` makes of them. */
export const deadAddress = '10.77.0.9'
export const routelessAddress = '10.78.0.9'

/** A port whose queue of connections is full, as behind a process that accepts no more: further ones get no answer. */
async function fullPort({ parts }: Opening): Promise<number> {
  const script =
    "const s=require('net').createServer();s.listen({port:0,host:'127.0.0.1',backlog:1},()=>{process.send(s.address().port)});process.on('disconnect',()=>process.exit())"
  const { fork } = await import('node:child_process')
  const child = fork('-e', [script], { execArgv: [], stdio: 'ignore', execPath: process.execPath })
  parts.defer(() => void child.kill('SIGKILL'))
  const [port] = (await once(child, 'message')) as [number]
  child.kill('SIGSTOP')
  for (let i = 0; i < 8; i++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    parts.defer(() => void socket.destroy())
  }
  return port
}

interface Certificate {
  readonly key: Buffer
  readonly cert: Buffer
}

/** A self-signed certificate, expired or not, made by openssl. */
async function certificate(isExpired: boolean): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-cert-'))
  try {
    const [key, cert, request] = [join(folder, 'key.pem'), join(folder, 'cert.pem'), join(folder, 'request.pem')]
    const ca = join(folder, 'ca.cnf')
    const section = [`dir=${folder}`, `database=${folder}/index`, `new_certs_dir=${folder}`, `serial=${folder}/serial`]
    const more = ['default_md=sha256', 'policy=any', 'unique_subject=no', '[any]', 'commonName=supplied']
    await writeFile(ca, ['[ca]', 'default_ca=it', '[it]', ...section, ...more, ''].join('\n'))
    await writeFile(join(folder, 'index'), '')
    await writeFile(join(folder, 'serial'), '01\n')
    const dates = isExpired ? ['-startdate', '20240101000000Z', '-enddate', '20240201000000Z'] : ['-days', '2']
    openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-keyout', key, '-out', request)
    openssl('ca', '-batch', '-selfsign', '-config', ca, '-keyfile', key, '-in', request, '-out', cert, ...dates)
    return { key: await readFile(key), cert: await readFile(cert) }
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args)
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${String(stderr)}`)
}

async function listening(parts: AsyncDisposableStack, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  parts.defer(async () => {
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

export const networkScenarios: readonly Scenario[] = [
  {
    title: 'a name that does not resolve',
    expects: 'name-not-resolved',
    open: async ({ random, name, model }) => {
      const host = `gpu${between(random, 1, 99)}.holdfast-lab.invalid`
      return {
        upstreams: named(name, [at(`http://${host}:8000`, { model })]),
        timeouts: { connectMs: 3000 },
        play: async ({ ask }) => [(await ask({ isStream: oneOf(random, true, false) })).ray],
      }
    },
  },
  {
    title: 'packets that are dropped on the way',
    expects: 'host-unreachable',
    open: async (opening) => {
      const { random, name, model } = opening
      const isDropped = ownNetwork && oneOf(random, true, false)
      const url = isDropped ? `http://${deadAddress}:8000` : `http://127.0.0.1:${await fullPort(opening)}`
      return {
        upstreams: named(name, [at(url, { model })]),
        play: async ({ ask }) => [(await ask()).ray],
      }
    },
  },
  {
    title: 'no route to the host',
    expects: 'no-route',
    open: async ({ name, model, random }) => {
      const address = ownNetwork ? routelessAddress : '255.255.255.255'
      return {
        upstreams: named(name, [at(`http://${address}:8000`, { model })]),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(random, true, false) })).ray],
      }
    },
  },
  {
    title: 'a certificate that is expired or signed by nobody',
    expects: 'bad-certificate',
    open: async ({ parts, random, name, model }) => {
      const made = await certificate(oneOf(random, true, false))
      const server = createTlsServer(made, (_, response) => response.end('{}'))
      const port = await listening(parts, server)
      parts.defer(() => server.closeAllConnections())
      return {
        upstreams: named(name, [at(`https://127.0.0.1:${port}`, { model })]),
        play: async ({ ask }) => [(await ask()).ray],
      }
    },
  },
  {
    title: 'TLS is spoken to a port that does not',
    expects: 'tls-handshake',
    open: async (opening) => {
      const server = await sim(opening)
      return {
        upstreams: named(opening.name, [at(server.url.replace('http:', 'https:'), opening)]),
        play: async ({ ask }) => [(await ask()).ray],
      }
    },
  },
  {
    title: 'a link that breaks while the server goes on',
    expects: 'link-broken',
    open: async (opening) => {
      const { parts, random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 40 } })
      const bad = parts.use(await openFaultProxy({ target: server.url }))
      const hasOther = oneOf(random, true, false)
      return {
        upstreams: named(
          name,
          hasOther ? [at(bad.url, opening), at(server.url, opening, { priority: 1 })] : [at(bad.url, opening)],
        ),
        play: async (playing) => {
          await playing.ask()
          const how = oneOf(random, 'rst' as const, 'fin' as const)
          const struck = await strikeMiddle(playing, () => bad.cut(how), { after: between(random, 2, 6), tokens: 60 })
          await askTimes(2, () => playing.ask())
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'a proxy answers with a page of its own',
    expects: 'proxy-page',
    open: async (opening) => {
      const server = await sim(opening)
      return {
        upstreams: named(opening.name, [at(server.url, opening)]),
        play: async ({ ask }) => {
          await askTimes(between(opening.random, 0, 2), () => ask())
          server.order({ kind: '502-html' })
          return [(await ask({ isStream: oneOf(opening.random, true, false) })).ray]
        },
      }
    },
  },
]
