/** Portkey's gateway, the best known AI gateway in JavaScript: the npm package, run by the same Node as Holdfast. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { awaitPort, cache, gatewayCore, launch, runToEnd, wordsOf } from '../launch.ts'
import { type Peer, PeerMissing } from './peer.ts'

const version = '1.15.2'
const folder = join(cache, 'peers', `portkey-${version}`)
const build = join(folder, 'node_modules', '@portkey-ai', 'gateway', 'build')

interface Patch {
  readonly reason: string
  readonly from: string
  readonly to: string
}

/**
 * What must change in the published build before it can be measured; each text occurs exactly once in it. The package
 * in the cache
 * stays as it is, the patched program is written beside it.
 */
const patches: readonly Patch[] = [
  {
    // The answer of fetch is used as the initial values of a new Response, which then shares its immutable headers;
    // the next line appends to them and throws. A copy of the headers is all it takes.
    reason: 'answers 500 to every streaming request on Node because it appends to immutable headers',
    from: ':new Response(p,e)}const ',
    to: ':new Response(p,{status:e.status,statusText:e.statusText,headers:new Headers(e.headers)})}const ',
  },
  {
    reason: 'listens on all addresses, and a bench listens on loopback only',
    from: 'fetch:Lu.fetch,port:Ku}',
    to: 'fetch:Lu.fetch,port:Ku,hostname:"127.0.0.1"}',
  },
]

function install(): string {
  const original = join(build, 'start-server.js')
  const patched = join(build, 'start-server.patched.js')
  try {
    if (!existsSync(original)) {
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
      const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error']
      runToEnd('npm', ['install', '--prefix', folder, ...quiet, `@portkey-ai/gateway@${version}`], folder)
    }
    let text = readFileSync(original, 'utf8')
    for (const patch of patches) {
      if (text.split(patch.from).length !== 2) throw new Error(`its build has changed; no patch for: ${patch.reason}`)
      text = text.replace(patch.from, patch.to)
    }
    writeFileSync(patched, text)
  } catch (error) {
    throw new PeerMissing(`Portkey ${version} could not be prepared: ${wordsOf(error)}`)
  }
  return patched
}

export const portkey: Peer = {
  name: 'portkey',
  note:
    `Portkey ${version} as published on npm answers 500 to every streaming request on Node (it appends to immutable headers); ` +
    'one expression is patched in the cached copy so that it can be measured, and it is told to listen on loopback ' +
    '(`bench/peer/portkey.ts`).',
  headers: (mockUrl) => ({ 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${mockUrl}/v1` }),
  async start(_mockUrl, port) {
    const program = install()
    const launched = launch(process.execPath, [program, `--port=${port}`, '--headless'], {
      core: gatewayCore,
      cwd: folder,
      env: { NODE_ENV: 'production' },
    })
    await awaitPort(port, launched)
    return { version: `Portkey ${version}`, pids: launched.pids, stop: launched.stop }
  },
}
