/**
 * cache-tests (https://cache-tests.fyi, BSD-3): what HTTP asks of a cache, judged by others. Runs it against a cache in
 * front of its origin, and counts as its authors do: a test whose dependencies failed has failed.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

export interface CacheTest {
  readonly id: string
  readonly name: string
  /** `required` where it says nothing; `check` is for information. */
  readonly kind?: 'required' | 'optimal' | 'check'
  readonly depends_on?: readonly string[]
  readonly browser_only?: boolean
}

export interface TestSuite {
  readonly id: string
  readonly tests: readonly CacheTest[]
}

/** True, or the name of the error and its words. */
type Result = true | readonly [name: string, words: string]
export type Results = Readonly<Record<string, Result>>

export interface Count {
  readonly required: number
  readonly requiredOf: number
  readonly optimal: number
  readonly optimalOf: number
  /** With the reason: what went wrong, or on which other test it depends. */
  readonly failed: readonly { readonly id: string; readonly kind: string; readonly why: string }[]
}

const child = join(import.meta.dirname, 'cache-child.ts')
/** The whole of it waits some fifty seconds in all; the rest is for a busy machine. */
const clientMsMax = 600_000

/** Where the edition of the npm package is. */
export function packagedFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('http-cache-tests/package.json'))
}

/** All suites of an edition, those for browsers left out. */
export async function readTests(folder: string): Promise<TestSuite[]> {
  const read = async (path: string): Promise<unknown> =>
    ((await import(pathToFileURL(join(folder, path)).href)) as { default: unknown }).default
  const suites = (await read('tests/index.mjs')) as TestSuite[]
  const surrogate = join('tests', 'surrogate-control.mjs')
  const all = existsSync(join(folder, surrogate)) ? [...suites, (await read(surrogate)) as TestSuite] : suites
  return all.map((suite) => ({ ...suite, tests: suite.tests.filter(({ browser_only: isBrowser }) => !isBrowser) }))
}

export interface Origin extends AsyncDisposable {
  readonly url: string
}

export async function startOrigin(folder: string): Promise<Origin> {
  const server = spawn(process.execPath, [child, 'origin', folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: server.stdout }).on('line', (line) => {
      const [, found] = /^Listening on .*:(\d+)\/$/.exec(line) ?? []
      if (found) resolve(Number(found))
    })
    void ended.then(() => reject(new Error('the origin of cache-tests did not start')))
  })
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.kill('SIGKILL')
      await ended
      await rm(join(tmpdir(), `holdfast-cache-tests-${server.pid}`), { force: true })
    },
  }
}

/** Asks the cache at `base`. `ids`: only these tests; none: all. */
export async function askCache(folder: string, base: string, ids: readonly string[] = []): Promise<Results> {
  const args = [child, 'client', folder, base, ids.join(',')]
  const client = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: clientMsMax })
  let [output, complaint] = ['', '']
  client.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
  client.stderr.on('data', (bytes: Buffer) => (complaint = (complaint + bytes.toString()).slice(-2000)))
  await new Promise<void>((resolve) => client.once('close', () => resolve()))
  const at = output.lastIndexOf('\n') + 1
  try {
    return JSON.parse(output.slice(at)) as Results
  } catch {
    throw new Error(`cache-tests gave no results: ${complaint}`)
  }
}

/** Counts with dependencies honoured. Tests that were not run are left out. */
export function countResults(suites: readonly TestSuite[], results: Results): Count {
  const tests = new Map(suites.flatMap((suite) => suite.tests).map((test) => [test.id, test]))
  const whyNot = (id: string): string | null => {
    const test = tests.get(id)
    const missing = test?.depends_on?.find((other) => tests.has(other) && whyNot(other) !== null)
    if (missing !== undefined) return `depends on ${missing}`
    const result = results[id]
    if (result === undefined) return 'not run'
    return result === true ? null : `${result[0]}: ${result[1]}`
  }
  const ran = [...tests.values()].filter(({ id }) => results[id] !== undefined)
  const ofKind = (kind: string): CacheTest[] => ran.filter((test) => (test.kind ?? 'required') === kind)
  const passed = (kind: string): number => ofKind(kind).filter(({ id }) => whyNot(id) === null).length
  const failed = ['required', 'optimal'].flatMap((kind) =>
    ofKind(kind).flatMap(({ id }) => {
      const why = whyNot(id)
      return why === null ? [] : [{ id, kind, why }]
    }),
  )
  return {
    ...{ required: passed('required'), requiredOf: ofKind('required').length },
    ...{ optimal: passed('optimal'), optimalOf: ofKind('optimal').length, failed },
  }
}
