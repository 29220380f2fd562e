/** Debian's ACME test server, which refuses good nonces, forgets what it has checked, and sleeps, as it is told. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { freePort } from '../crash/gateway.ts'
import { until } from '../crash/until.ts'
import { findProgram } from '../alerts/debian.ts'
import type { Authority } from './certificates.ts'

const pebble = findProgram('pebble', 'usr/bin/pebble')
const names = findProgram('pebble', 'usr/bin/pebble-challtestsrv')

/** Why it cannot be had, where that is so. */
export const noPebble: string | null = typeof pebble === 'string' ? pebble : typeof names === 'string' ? names : null

export interface Pebble extends AsyncDisposable {
  readonly directoryUrl: string
  /** Where it looks for proofs. */
  readonly httpPort: number
  readonly tlsPort: number
  /** All that it said. */
  readonly said: () => string
}

export interface PebbleOptions {
  /** Percent of good nonces that are refused. */
  readonly nonceReject: number
  /** Percent of authorizations that are used again. */
  readonly reuse: number
  /** Keys of accounts that it knows; without one of them it takes nobody. */
  readonly binding?: Readonly<Record<string, string>>
}

/** Every name leads to this machine. `authority`: has signed the certificate of its directory. */
export async function startPebble(authority: Authority, options: PebbleOptions): Promise<Pebble> {
  if (typeof pebble === 'string' || typeof names === 'string') throw new Error('pebble cannot be had')
  const ports = await Promise.all(Array.from({ length: 6 }, () => freePort()))
  const [port = 0, management = 0, httpPort = 0, tlsPort = 0, dns = 0, dnsManagement = 0] = ports
  const { certPath, keyPath } = authority.issue('localhost', '127.0.0.1')
  const config = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    ...{ certificate: certPath, privateKey: keyPath, httpPort, tlsPort, ocspResponderURL: '' },
    externalAccountBindingRequired: options.binding !== undefined,
    ...(options.binding && { externalAccountMACKeys: options.binding }),
  }
  const file = join(authority.folder, `pebble-${port}.json`)
  writeFileSync(file, JSON.stringify({ pebble: config }))
  const env = {
    ...process.env,
    PEBBLE_VA_NOSLEEP: '1',
    PEBBLE_WFE_NONCEREJECT: String(options.nonceReject),
    PEBBLE_AUTHZREUSE: String(options.reuse),
  }
  let said = ''
  const hear = (child: ChildProcess): ChildProcess => {
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (piece: Buffer) => (said += piece.toString()))
    return child
  }
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
  const silent = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', '']
  const places = ['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${dnsManagement}`]
  const children = [
    hear(spawn(names.command, [...silent, ...places], { stdio })),
    hear(spawn(pebble.command, ['-config', file, '-dnsserver', `127.0.0.1:${dns}`, '-strict'], { stdio, env })),
  ]
  const directoryUrl = `https://localhost:${port}/dir`
  await until('pebble to answer', () => answers(directoryUrl, authority.cert))
  return {
    ...{ directoryUrl, httpPort, tlsPort, said: () => said },
    [Symbol.asyncDispose]: async () => {
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    },
  }
}

function answers(url: string, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(url, { ca, agent: false }, (answer) => resolve(answer.resume().statusCode === 200))
    asked.on('error', () => resolve(false)).end()
  })
}
