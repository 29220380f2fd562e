/** The house rules find what they are for: each on a small house made up to break it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missingEntries } from '../../scripts/complete-lock.ts'
import { circles, floorViolations, loadedPackages, orphans, packageViolations } from './floors.ts'
import { licenceViolations } from './licences.ts'
import { banViolations, headViolations, leftoverViolations, nameViolations, sizeViolations } from './shape.ts'
import { parseSource, type Source } from './source.ts'

/** Violations of the floors by `path` if it says `import ... from to`. */
function floorsOf(path: string, to: string, clause = '{ x }'): string[] {
  return floorViolations([parseSource(path, `import ${clause} from '${to}'\n`)])
}

test('floors: upwards, across and into other rooms is refused, downwards is not', () => {
  assert.match(floorsOf('src/store/a.ts', '../relay/relay.ts')[0] ?? '', /^src\/store\/a\.ts:1: store \(floor 4\)/)
  assert.equal(floorsOf('src/relay/a.ts', '../control/control.ts').length, 1)
  assert.equal(floorsOf('src/observe/a.ts', '../dialect/call.ts', 'type { Call }').length, 1)
  assert.equal(floorsOf('src/relay/wire/a.ts', '../balance/balance.ts').length, 1)
  assert.equal(floorsOf('src/relay/wire/a.ts', '../exchange.ts').length, 1)
  assert.equal(floorsOf('src/edge/a.ts', '../../lab/main.ts').length, 1)
  assert.equal(floorsOf('src/edge/a.ts', '../cellar/a.ts').length, 1)
  assert.equal(floorsOf('lab/a.ts', '../src/fault/code.ts').length, 1)
  assert.deepEqual(floorsOf('src/relay/exchange.ts', './wire/wire.ts'), [])
  assert.deepEqual(floorsOf('src/relay/exchange.ts', '../store/journal.ts'), [])
  assert.deepEqual(floorsOf('src/cli/a.ts', '../../lab/main.ts'), [])
  assert.deepEqual(floorsOf('lab/a.ts', '../src/ground/random.ts'), [])
})

test('floors: the world is touched in few places, and its types anywhere', () => {
  for (const name of ['node:net', 'node:fs/promises', 'node:child_process', 'undici']) {
    assert.equal(floorsOf('src/relay/exchange.ts', name).length, 1, name)
    assert.deepEqual(floorsOf('src/relay/wire/http-wire.ts', name), [])
  }
  assert.deepEqual(floorsOf('src/edge/door.ts', 'node:http', 'type { IncomingMessage }'), [])
  assert.equal(floorsOf('src/edge/door.ts', 'node:http', '{ type IncomingMessage, request }').length, 1)
})

test('circles are found, of types too, and named from end to end', () => {
  const house = [
    parseSource('src/store/a.ts', "import type { B } from './b.ts'\n"),
    parseSource('src/store/b.ts', "export { c } from './c.ts'\n"),
    parseSource('src/store/c.ts', "const a = await import('./a.ts')\n"),
  ]
  const found = circles(house)
  assert.equal(found.length, 1)
  assert.match(found[0] ?? '', /src\/store\/a\.ts → src\/store\/b\.ts → src\/store\/c\.ts → src\/store\/a\.ts/)
  assert.deepEqual(circles(house.slice(0, 2)), [])
})

test('a package with two doors and a file with none are found', () => {
  const house = ['a', 'b'].map((name) => parseSource(`src/edge/${name}.ts`, "import { z } from 'zod'\n"))
  assert.match(packageViolations(house)[0] ?? '', /zod is imported by src\/edge\/a\.ts, src\/edge\/b\.ts/)
  assert.equal(orphans(house).length, 2)
  const used = parseSource('src/cli/holdfast.ts', "import '../edge/a.ts'\nimport '../edge/b.ts'\n")
  assert.deepEqual(orphans([...house, used]), [])
})

test('packages are found that a process loads, not those of which it only knows types', () => {
  const house = [
    parseSource('src/cli/worker.ts', "import { a } from '../edge/a.ts'\nimport type { C } from '../edge/c.ts'\n"),
    parseSource('src/edge/a.ts', "import { z } from 'zod'\nimport { join } from 'node:path'\n"),
    parseSource('src/edge/c.ts', "import { parse } from 'yaml'\n"),
  ]
  assert.deepEqual(loadedPackages(house, 'src/cli/worker.ts'), ['zod'])
})

/** A file under src/ with this text. */
const file = (text: string, path = 'src/edge/a.ts'): Source => parseSource(path, text)

test('sizes: long files, functions and lines are found', () => {
  assert.equal(sizeViolations(file('//\n'.repeat(401))).length, 1)
  assert.deepEqual(sizeViolations(file('//\n'.repeat(401), 'src/edge/a.test.ts')), [])
  assert.equal(sizeViolations(file(`const a = ${'1 + '.repeat(40)}1\n`)).length, 1)
  const long = `export async function far(a: string): Promise<void> {\n${'  a\n'.repeat(60)}}\n`
  assert.match(sizeViolations(file(long))[0] ?? '', /far has 62 lines/)
  const method = `class A {\n  #far(): void {\n${'    a\n'.repeat(60)}  }\n}\n`
  assert.match(sizeViolations(file(method))[0] ?? '', /#far has 62 lines/)
})

test('banned calls are found in code, and not in comments, strings and the files that may', () => {
  for (const call of [
    'Date.now()',
    'setTimeout(f, 1)',
    'Math.random()',
    'process.env.A',
    'console.log(1)',
    'new Date()',
  ]) {
    assert.equal(banViolations(file(`const a = ${call}\n`)).length, 1, call)
    assert.deepEqual(banViolations(file(`// ${call}\n/* ${call} */ const a = '${call}'\n`)), [], call)
  }
  assert.deepEqual(banViolations(file('const a = Date.now()\n', 'src/ground/clock.ts')), [])
})

test('names, first comments, leftovers and barrels are found', () => {
  assert.equal(nameViolations(file('//', 'src/edge/myFile.ts')).length, 1)
  assert.equal(nameViolations(file('//', 'src/edge/utils.ts')).length, 1)
  assert.equal(nameViolations(file("/** Doors. */\nexport * from './a.ts'\n")).length, 1)
  assert.equal(headViolations(file("import 'x'\n")).length, 1)
  const leftover = ['TO', 'DO'].join('')
  assert.deepEqual(leftoverViolations('a.md', ['fine', `${leftover}: later`]).length, 1)
})

test('a lock without the packages of some platform is found', () => {
  const tool = {
    version: '1.0.0',
    dev: true,
    optionalDependencies: { '@a/linux-arm64-musl': '1.0.0', '@a/win32-x64': '1.0.0' },
  }
  const missing = missingEntries({
    packages: { 'node_modules/a': tool, 'node_modules/@a/win32-x64': { version: '1.0.0' } },
  })
  assert.deepEqual(Object.fromEntries(missing), {
    'node_modules/@a/linux-arm64-musl': {
      version: '1.0.0',
      cpu: ['arm64'],
      dev: true,
      libc: ['musl'],
      optional: true,
      os: ['linux'],
    },
  })
})

test('a licence that binds users is found, also where it is one of none that are offered', () => {
  const packages = {
    '': {},
    'node_modules/a': { license: 'MIT' },
    'node_modules/b': { license: '(AGPL-3.0 OR Apache-2.0)' },
    'node_modules/c': { license: 'GPL-3.0' },
    'node_modules/d': {},
    'node_modules/e': { license: 'GPL-3.0', dev: true },
  }
  assert.deepEqual(
    licenceViolations(packages).map((words) => words.slice(19, 33)),
    ['node_modules/c', 'node_modules/d'],
  )
})
