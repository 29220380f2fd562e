/** `npm run suites -- cache`: cache-tests against this gateway, and nginx beside it where there is one. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeYaml } from '../../src/config-file.ts'
import { findProgram } from '../alerts/debian.ts'
import { awaitPort, freePort, launch } from '../../bench/launch.ts'
import { nginxHead } from '../../bench/peer/nginx.ts'
import { startGateway } from '../crash/gateway.ts'
import {
  askCache,
  type Count,
  countResults,
  packagedFolder,
  readTests,
  type Results,
  startOrigin,
} from './cache-tests.ts'

/** What must be reached, of the edition of 2026 (160 and 105) as of the packaged one (165 and 95). */
const requiredMin = 150
const optimalMin = 80

export interface CacheSuiteOptions {
  /** Folder of another edition than the packaged one: a checkout of http-tests/cache-tests, with its packages. */
  readonly from?: string
  readonly only: readonly string[]
  readonly peers: readonly string[]
  readonly json?: string
}

interface Subject {
  readonly name: string
  readonly ask: (originUrl: string, run: (base: string) => Promise<Results>) => Promise<Results>
}

/** @returns whether the bar was reached */
export async function runCacheSuite(options: CacheSuiteOptions): Promise<boolean> {
  const folder = options.from ?? packagedFolder()
  const suites = await readTests(folder)
  const counts = new Map<string, Count>()
  for (const { name, ask } of [holdfast, nginx].filter((subject) => options.peers.includes(subject.name))) {
    await using origin = await startOrigin(folder)
    try {
      const results = await ask(origin.url, (base) => askCache(folder, base, options.only))
      counts.set(name, countResults(suites, results))
      if (options.json !== undefined && name === 'holdfast')
        await writeFile(options.json, JSON.stringify(results, null, 2))
    } catch (error) {
      process.stderr.write(`${name} is left out: ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
  process.stdout.write(table(counts))
  const ours = counts.get('holdfast')
  if (!ours) return false
  for (const { id, kind, why } of ours.failed) process.stdout.write(`  ${kind.padEnd(9)} ${id}: ${why}\n`)
  const isWhole = options.only.length === 0
  return !isWhole || (ours.required >= requiredMin && ours.optimal >= optimalMin)
}

function table(counts: ReadonlyMap<string, Count>): string {
  const rows = [...counts].map(
    ([name, { required, requiredOf, optimal, optimalOf }]) =>
      `${name.padEnd(12)} ${`${required}/${requiredOf}`.padStart(9)} ${`${optimal}/${optimalOf}`.padStart(9)}\n`,
  )
  return `${'cache-tests'.padEnd(12)} ${'required'.padStart(9)} ${'optimal'.padStart(9)}\n${rows.join('')}`
}

/** As its users run it: two workers, the cache on the disk; with freshness guessed, which the suite asks about. */
const holdfast: Subject = {
  name: 'holdfast',
  async ask(originUrl, run) {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-suite-'))
    try {
      const file = join(folder, 'holdfast.yaml')
      await writeFile(file, writeYaml(suiteConfig(originUrl)))
      await using gateway = await startGateway('--config', file, '--log-level', 'error')
      return await run(gateway.url)
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    }
  },
}

export function suiteConfig(originUrl: string): object {
  return {
    upstreams: { none: { url: 'http://127.0.0.1:9/v1', kind: 'compatible', models: ['m'] } },
    web: { routes: [{ app: originUrl, compress: false }], cache: { heuristicShare: 0.1 } },
  }
}

/** With what its manual offers for a shared cache. */
const nginx: Subject = {
  name: 'nginx',
  async ask(originUrl, run) {
    const program = findProgram('nginx', 'usr/sbin/nginx')
    if (typeof program === 'string') throw new Error(program)
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-suite-nginx-'))
    const port = await freePort()
    await mkdir(join(folder, 'cache'))
    const file = join(folder, 'nginx.conf')
    await writeFile(file, nginxConfig(folder, originUrl, port))
    const args = ['-p', folder, '-c', file, '-e', 'stderr']
    const launched = launch(program.command, args, { env: program.env })
    try {
      await awaitPort(port, launched)
      return await run(`http://127.0.0.1:${port}`)
    } finally {
      await launched.stop()
      await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    }
  },
}

function nginxConfig(folder: string, originUrl: string, port: number): string {
  return `${nginxHead(folder, 1024)}
  proxy_cache_path ${folder}/cache levels=1:2 keys_zone=all:8m max_size=1000m inactive=600m;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${originUrl};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache all;
      proxy_cache_revalidate on;
      proxy_cache_use_stale error timeout updating;
      add_header Cache-Status $upstream_cache_status;
    }
  }
}
`
}
