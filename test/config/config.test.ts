// Tests of the configuration: what good files become, and that each mistake names its place, its field and its cure.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { checkConfig, type Config, configJsonSchema } from '../../src/config.ts'
import { readConfigFile, readYaml } from '../../src/config-file.ts'
import { ConfigError, type Problem } from '../../src/ground/config-error.ts'

let folder = ''
before(() => void (folder = mkdtempSync(join(tmpdir(), 'holdfast-config-'))))
after(() => rmSync(folder, { recursive: true, force: true }))

let fileCount = 0

function write(text: string): string {
  const path = join(folder, `config-${fileCount++}.yaml`)
  writeFileSync(path, text)
  return path
}

function read(...lines: string[]): Config {
  return readConfigFile(write(lines.join('\n')), {})
}

function problemsOf(run: () => unknown): readonly Problem[] {
  try {
    run()
  } catch (thrown) {
    assert.ok(thrown instanceof ConfigError, String(thrown))
    return thrown.problems
  }
  return assert.fail('the configuration was taken')
}

/** The only problem of a file, its place as a line number. */
function problemOf(...lines: string[]): { line: number; field: string; message: string; cure: string } {
  const path = write(lines.join('\n'))
  const problems = problemsOf(() => readConfigFile(path, {}))
  assert.equal(problems.length, 1, JSON.stringify(problems))
  const { place, field, message, cure } = problems[0]!
  assert.ok(place.startsWith(`${path}:`), `${place} names no line of ${path}`)
  return { line: Number(place.slice(path.length + 1)), field, message, cure }
}

const upstream = 'upstreams: { gpu1: { url: http://127.0.0.1:8000/v1 } }'
const good = { upstreams: { gpu1: { url: 'http://127.0.0.1:8000/v1' } } }

test('a request cannot have less time than its headers alone', () => {
  const settings = { limits: { requestMs: 5000 }, upstreams: { a: { url: 'http://127.0.0.1:1/v1' } } }
  assert.throws(
    () => checkConfig(settings),
    /limits\.requestMs: a request has 5000 ms, and its headers alone have 10000 ms/,
  )
  assert.equal(checkConfig({ ...settings, limits: { requestMs: 5000, headersMs: 5000 } }).limits.requestMs, 5000)
})

test('streams in memory go with one worker', () => {
  const problem = problemOf(upstream, 'workers: 2', 'streams: { engine: memory }')
  assert.deepEqual([problem.line, problem.field], [3, 'streams.engine'])
  assert.equal(read(upstream, 'streams: { engine: memory }').streams.engine, 'memory')
})

describe('a good configuration', () => {
  test('has one worker where each would have a journal of its own', () => {
    const journal = { engine: 'memory' as const }
    assert.equal(checkConfig({ ...good, journal }).workers, 1)
    assert.equal(checkConfig({ ...good, journal, workers: 1 }).workers, 1)
    const [problem] = problemsOf(() => checkConfig({ ...good, journal, workers: 2 }))
    assert.deepEqual([problem?.field, problem?.message], ['workers', 'workers do not share a journal in memory'])
  })

  test('needs one upstream and nothing else', () => {
    const config = read(upstream)
    assert.deepEqual(config, checkConfig(good))
    assert.deepEqual(config.listeners, [{ host: '127.0.0.1', port: 5020 }])
    assert.deepEqual(
      [config.admin, config.onDisconnect, config.workers, config.keys],
      [{ host: '127.0.0.1', port: 5021 }, 'detach', 2, []],
    )
    assert.deepEqual(
      [config.journal.engine, config.timeouts.connectMs, config.limits.bodyBytesMax],
      ['sqlite', 5000, 64 * 2 ** 20],
    )
  })

  test('takes sizes as bytes or as text', () => {
    for (const [text, bytes] of [
      ['1024', 1024],
      ['64KiB', 65_536],
      ['1.5 MiB', 1_572_864],
      ['"2GiB"', 2 ** 31],
      ['10B', 10],
    ] as const) {
      assert.equal(read(upstream, `limits: { bodyBytesMax: ${text} }`).limits.bodyBytesMax, bytes, text)
    }
  })

  test('may name members of a pool with their weights, and time limits of its own', () => {
    const { pools, models } = read(
      upstream,
      'pools:',
      '  fast: { upstreams: [{ name: gpu1, weight: 3, priority: 1 }], timeouts: { connectMs: 100 } }',
      'models: { small: { pool: fast, as: llama } }',
    )
    assert.deepEqual(pools['fast'], {
      upstreams: [{ name: 'gpu1', weight: 3, priority: 1 }],
      timeouts: { connectMs: 100 },
      attemptsMax: 5,
      balance: { affinity: 'auto', exploreShare: 0.01, loadBound: 1.25 },
    })
    assert.deepEqual(models['small'], { pool: 'fast', as: 'llama' })
  })

  test('that was printed and read again is the same', () => {
    const config = checkConfig({ ...good, limits: { bodyBytesMax: '1MiB' }, site: 'ams1' })
    assert.deepEqual(checkConfig(JSON.parse(JSON.stringify(config))), config)
  })
})

describe('a mistake names file, line, field and cure', () => {
  test('an unknown key, with the one that was meant', () => {
    assert.deepEqual(problemOf(upstream, 'limits:', '  bodyBytesMax: 1', '  drainSecs: 3'), {
      line: 4,
      field: 'limits.drainSecs',
      message: 'unknown key',
      cure: 'Did you mean `drainMs`?',
    })
    const found = problemOf(upstream, 'timeout: {}')
    assert.deepEqual([found.line, found.field, found.cure], [2, 'timeout', 'Did you mean `timeouts`?'])
  })

  test('an unknown key that resembles none, with all that there are', () => {
    const { line, field, cure } = problemOf(upstream, 'journal:', '  compression: zstd')
    assert.deepEqual([line, field], [3, 'journal.compression'])
    assert.match(cure, /^Known here are: engine, sync, delivery, commitWindowMs, .*totalBytesMax\.$/)
  })

  test('an unknown key inside of an upstream, a pool member, a key of a list', () => {
    const inUpstream = problemOf('upstreams:', '  gpu1:', '    url: http://127.0.0.1:8000/v1', '    wieght: 2')
    assert.deepEqual(
      [inUpstream.line, inUpstream.field, inUpstream.cure],
      [4, 'upstreams.gpu1.wieght', 'Did you mean `weight`?'],
    )
    const inKey = problemOf(upstream, 'keys:', '  - name: ann', '    key: env:ANNS_KEY', '    model: [m]')
    assert.deepEqual([inKey.line, inKey.field, inKey.cure], [5, 'keys.0.model', 'Did you mean `models`?'])
    const inMember = problemOf(upstream, 'pools:', '  all:', '    upstreams:', '      - name: gpu1', '        wait: 3')
    assert.deepEqual([inMember.line, inMember.field], [6, 'pools.all.upstreams.0.wait'])
  })

  test('a value of the wrong type', () => {
    const { line, field, message, cure } = problemOf(upstream, 'workers: many')
    assert.deepEqual([line, field], [2, 'workers'])
    assert.match(message, /expected number, received string/)
    assert.match(cure, /^What it is: Processes that share/)
  })

  test('a value out of range', () => {
    const { line, field, message } = problemOf(upstream, 'timeouts:', '  connectMs: 0')
    assert.deepEqual([line, field], [3, 'timeouts.connectMs'])
    assert.match(message, />=1/)
    assert.match(problemOf(upstream, 'admin: { port: 70000 }').message, /<=65535/)
  })

  test('a size that is none', () => {
    const { line, field, message } = problemOf(upstream, 'limits:', '  bodyBytesMax: 64MB')
    assert.deepEqual([line, field], [3, 'limits.bodyBytesMax'])
    assert.match(message, /64MiB/)
  })

  test('a choice that does not exist', () => {
    const { line, field, message } = problemOf(upstream, 'onDisconnect: ignore')
    assert.deepEqual([line, field], [2, 'onDisconnect'])
    assert.match(message, /"cancel"\|"detach"/)
  })

  test('a URL that is none', () => {
    const { line, field, message } = problemOf('upstreams:', '  gpu1: { url: gpu1:8000 }')
    assert.deepEqual([line, field], [2, 'upstreams.gpu1.url'])
    assert.match(message, /a URL like/)
  })

  test('an upstream without a URL', () => {
    const { line, field } = problemOf('upstreams:', '  gpu1:', '    weight: 1')
    assert.deepEqual([line, field], [2, 'upstreams.gpu1.url'])
  })

  test('a name with letters that names may not have', () => {
    assert.match(problemOf('upstreams: { "gpu 1": { url: http://127.0.0.1:1/v1 } }').field, /^upstreams/)
    assert.match(problemOf(upstream, 'site: Amsterdam-1').message, /1 to 12 characters/)
  })

  test('no upstream at all', () => {
    const { field, cure } = problemOf('upstreams: {}')
    assert.deepEqual([field, cure.includes('Add at least one')], ['upstreams', true])
  })

  test('a pool that names an upstream that is not there', () => {
    const { line, field, message, cure } = problemOf(
      upstream,
      'pools:',
      '  all:',
      '    upstreams:',
      '      - gpu1',
      '      - gpu01',
    )
    assert.deepEqual(
      [line, field, message, cure],
      [6, 'pools.all.upstreams.1', 'there is no upstream named "gpu01"', 'Did you mean `gpu1`?'],
    )
    const far = problemOf(upstream, 'pools: { all: { upstreams: [{ name: elsewhere }] } }')
    assert.deepEqual([far.line, far.cure], [2, 'There are: gpu1.'])
  })

  test('a model that names a pool that is not there', () => {
    const { line, field, cure } = problemOf(upstream, 'models:', '  small:', '    pool: fast')
    assert.deepEqual([line, field, cure], [4, 'models.small.pool', 'Add it under `pools`.'])
  })

  test('two keys of one name', () => {
    const { line, field } = problemOf(
      upstream,
      'keys:',
      '  - { name: ann, key: env:A_KEY }',
      '  - { name: ann, key: env:B_KEY }',
    )
    assert.deepEqual([line, field], [4, 'keys.1.name'])
  })

  test('keys inside keys are refused before they take seconds', () => {
    for (const text of ['? '.repeat(2000), '? - '.repeat(1000), `a: ${'? &a '.repeat(1000)}`])
      assert.throws(() => readYaml(text), /nested too deep/)
    assert.deepEqual(readYaml('a: "who? what? where? why? how? when? which? one? two? three?"\n? b\n: 1\n'), {
      a: 'who? what? where? why? how? when? which? one? two? three?',
      b: 1,
    })
  })

  test('a file that is no YAML', () => {
    const { line, message, cure } = problemOf(upstream, 'limits:', '  a: [1, 2', 'log: {}')
    assert.ok(line >= 3 && line <= 5, `line ${line}`)
    assert.ok(message.length > 5 && cure.includes('YAML'))
  })

  test('a key that stands twice', () => {
    assert.deepEqual(problemOf(upstream, upstream).line, 2)
  })

  test('a file that is not there, or holds something else than settings', () => {
    const missing = join(folder, 'nowhere.yaml')
    assert.deepEqual(
      problemsOf(() => readConfigFile(missing, {})),
      [{ place: missing, field: '', message: 'there is no such file', cure: 'Check the path given with --config.' }],
    )
    assert.equal(problemsOf(() => readConfigFile(folder, {})).length, 1)
    for (const text of ['just words', '[1, 2]', '7']) assert.ok(problemsOf(() => read(text)).length > 0, text)
    assert.equal(problemsOf(() => read(''))[0]?.field, 'upstreams')
  })

  test('all of them at once, so that a person corrects a file once', () => {
    const path = write(['site: "?"', upstream, 'workers: 0', 'logs: {}'].join('\n'))
    const problems = problemsOf(() => readConfigFile(path, {}))
    assert.deepEqual(problems.map(({ place }) => place.slice(path.length + 1)).sort(), ['1', '3', '4'])
    const text = new ConfigError(problems).message
    for (const { place, field, message, cure } of problems)
      for (const part of [place, field, message, cure]) assert.ok(text.includes(part), part)
  })

  test('flags are named where there is no file', () => {
    assert.equal(problemsOf(() => checkConfig({ upstreams: { a: { url: 'x' } } }))[0]?.place, 'flags')
  })
})

describe('whatever is handed in', () => {
  test('is taken or refused by a list of problems that each say something', () => {
    const names = fc.constantFrom(
      'upstreams',
      'pools',
      'models',
      'keys',
      'listeners',
      'limits',
      'journal',
      'gpu1',
      'url',
      'name',
      'port',
      '0',
      '__proto__',
      'constructor',
    )
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, 0, -1, 1.5, '', 'gpu1', true, 'http://a/v1'),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(names, tie('tree'), { maxKeys: 4 }),
      ),
    }))
    fc.assert(
      fc.property(tree, (input) => {
        try {
          checkConfig(input)
        } catch (thrown) {
          assert.ok(thrown instanceof ConfigError, String(thrown))
          assert.ok(thrown.problems.length > 0)
          for (const { message, cure } of thrown.problems) assert.ok(message.length > 0 && cure.length > 0)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('a secret', () => {
  test('in a file with mistakes is not repeated by the error', () => {
    const secret = 'sk-very-secret-0123'
    const text = problemsOf(() => read(upstream, 'keys:', `  - { name: "a b", key: ${secret}, colour: red }`))
      .map((each) => JSON.stringify(each))
      .join()
    assert.equal(text.includes(secret), false, text)
  })
})

test('the JSON Schema describes the file as it is written, with a description for each part', () => {
  const schema = configJsonSchema() as {
    properties: Record<string, { description?: string }>
    additionalProperties: boolean
    required?: string[]
  }
  assert.equal(schema.required, undefined, 'upstreams or deployments, which no schema says')
  assert.equal(schema.additionalProperties, false)
  for (const [name, { description }] of Object.entries(schema.properties)) assert.ok(description, name)
})

test('routes beside the models: one of folder and app, paths of their own, none twice', () => {
  const problem = (...routes: object[]): string => {
    const [first] = problemsOf(() => checkConfig({ upstreams: { a: { url: 'http://a/v1' } }, web: { routes } }))
    return first ? `${first.field} ${first.message}` : ''
  }
  const good = [{ folder: 'dist' }, { path: '/app', app: 'http://b:3000' }, { host: '*.c.test', folder: 'c' }]
  assert.equal(checkConfig({ upstreams: { a: { url: 'http://a/v1' } }, web: { routes: good } }).web.routes.length, 3)
  assert.match(problem({ folder: 'a', app: 'http://b' }), /^web\.routes\.0 needs a `folder` or an `app`, not both/)
  assert.match(problem({}), /needs a `folder` or an `app`/)
  assert.match(problem({ path: '/v1/x', folder: 'a' }), /^web\.routes\.0\.path \/v1 and \/errors are the gateway’s own/)
  assert.match(problem({ app: 'http://b/base' }), /only scheme, host and port/)
  assert.match(problem({ app: 'ftp://b' }), /a URL like/)
  assert.match(
    problem({ path: '/a', folder: 'a' }, { path: '/a/', folder: 'b' }),
    /^web\.routes\.1 another route has \/a already/,
  )
  assert.match(problem({ host: 'UPPER.test', folder: 'a' }), /lower case/)
  assert.match(problem({ folder: 'a', headers: { 'x-a': 'b\r\nc: d' } }), /web\.routes\.0\.headers/)
})
