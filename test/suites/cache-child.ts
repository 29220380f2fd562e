/**
 * A part of cache-tests in a process of its own, for it keeps its state in its modules: the origin server, or the
 * client that asks it through a cache.
 *
 *     node test/suites/cache-child.ts origin FOLDER             prints its port
 *     node test/suites/cache-child.ts client FOLDER BASE [IDS]  prints the results as JSON
 */
import { existsSync } from 'node:fs'
import { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type CacheTest, readTests } from './cache-tests.ts'

const [, , role, folder = '', base = '', ids = ''] = process.argv
/** Newer editions have them a folder deeper. */
const engine = existsSync(join(folder, 'test-engine')) ? join(folder, 'test-engine') : folder
const load = (path: string): Promise<Record<string, unknown>> => import(pathToFileURL(join(engine, path)).href)

/** By a name that is no literal: it has no types, and needs none. */
const nodeFetch: string = 'node-fetch'

if (role === 'origin') await serve()
else await ask()

async function serve(): Promise<void> {
  const { listen } = Server.prototype
  // It names no host, and would be open to all.
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    return Reflect.apply(listen, this, [Number(args[0]), '127.0.0.1', ...args.slice(1)]) as Server
  } as typeof listen
  Object.assign(process.env, {
    npm_config_protocol: 'http',
    npm_config_port: '0',
    npm_config_pidfile: join(tmpdir(), `holdfast-cache-tests-${process.pid}`),
  })
  await load('server/server.mjs')
}

type Run = (tests: unknown, ...rest: unknown[]) => Promise<void>

async function ask(): Promise<void> {
  const suites = await readTests(folder)
  const wanted = ids === '' ? null : new Set(ids.split(','))
  const chosen = suites.map((suite) => ({
    ...suite,
    tests: suite.tests.filter(({ id }: CacheTest) => wanted === null || wanted.has(id)),
  }))
  const { runTests, getResults } = (await load('client/runner.mjs')) as { runTests: Run; getResults: () => object }
  const isNew = engine !== folder
  // Older editions are given a `fetch` that changes no header of its own accord.
  if (isNew) await runTests(chosen, false, base)
  else await runTests(chosen, ((await import(nodeFetch)) as { default: unknown }).default, false, base)
  process.stdout.write(JSON.stringify(getResults()), () => process.exit(0))
}
