/** HAProxy as a plain reverse proxy: like nginx a limit, since it parses no body and keeps no journal. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { awaitPort, cache, gatewayCore, launch } from '../launch.ts'
import { debianProgram } from './debian-program.ts'
import type { Peer } from './peer.ts'

/**
 * Without `http-no-delay` it holds small chunks for 100 ms; without `abortonclose` it keeps streams whose reader has
 * left.
 */
const configuration = (mockHost: string, port: number): string => `global
  nbthread 1
  maxconn 8000
defaults
  mode http
  option http-keep-alive
  option http-no-delay
  option abortonclose
  http-reuse always
  timeout connect 5s
  timeout client 3600s
  timeout server 3600s
  timeout http-keep-alive 3600s
frontend door
  bind 127.0.0.1:${port}
  default_backend models
backend models
  server mock ${mockHost} pool-max-conn 4000
`

export const haproxy: Peer = {
  name: 'haproxy',
  async start(mockUrl, port) {
    const program = debianProgram('haproxy')
    const folder = join(cache, 'bench', 'haproxy')
    mkdirSync(folder, { recursive: true })
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(file, configuration(new URL(mockUrl).host, port))
    const asked = spawnSync(program.command, ['-v'], { encoding: 'utf8', env: { ...process.env, ...program.env } })
    const launched = launch(program.command, ['-db', '-f', file], { core: gatewayCore, env: program.env })
    await awaitPort(port, launched)
    const version = /version (\d[\w.]*)/.exec(asked.stdout)?.[1] ?? ''
    return { version: `HAProxy ${version}`, pids: launched.pids, stop: launched.stop }
  },
}
