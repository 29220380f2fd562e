/**
 * The house rules, checked: floors, circles, sizes, banned calls, documentation. Each violation names file, line and
 * cure.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { missingEntries, readLock } from '../scripts/complete-lock.ts'
import { referencePages, settings } from '../scripts/reference.ts'
import { circles, floorViolations, loadedPackages, orphans, packageViolations } from './tidy/floors.ts'
import { licenceViolations } from './tidy/licences.ts'
import { banViolations, headViolations, leftoverViolations, nameViolations, sizeViolations } from './tidy/shape.ts'
import { readLines, readSource, repositoryFiles, root, type Violation } from './tidy/source.ts'

const files = repositoryFiles()
const sources = files
  .filter((path) => /^((src|lab|bench|test|scripts|web)\/.*\.ts|examples\/.*\.jsx?)$/.test(path))
  .map(readSource)
const house = sources.filter(({ path }) => /^(src|lab)\//.test(path))

function none(violations: readonly Violation[]): void {
  assert.equal(violations.length, 0, `\n${violations.join('\n')}\n`)
}

test('every file imports from its own room or a lower floor', () => none(floorViolations(house)))
test('no circle of imports, types included', () => none(circles(house)))
test('each package is wrapped by one file', () => none(packageViolations(house)))
test('a worker loads few packages, since each is in memory once a worker', () => {
  assert.deepEqual(loadedPackages(house, 'src/cli/worker.ts'), ['pino', 'prom-client'])
})
test('every source file is used', () =>
  none(
    orphans(sources.filter(({ path }) => /^(src|lab|test|bench|scripts)\//.test(path))).filter((each) =>
      /^(src|lab)\//.test(each),
    ),
  ))
test('files, functions and lines stay small', () => none(sources.flatMap(sizeViolations)))
test('time, chance and the environment come in by argument', () => none(house.flatMap(banViolations)))
test('files are named after what they hold', () => none(sources.flatMap(nameViolations)))
test('every file says first what it is', () => none(sources.flatMap(headViolations)))
test('nothing is left for later', () => {
  const text = files.filter((path) => /\.(ts|cjs|c|h|md|html|yaml|json)$/.test(path) && path !== 'package-lock.json')
  none(text.flatMap((path) => leftoverViolations(path, readLines(path))))
})
test('every page of the documentation has a title', () => {
  none(
    files
      .filter((path) => path.endsWith('.md'))
      .filter((path) => !readLines(path)[0]?.startsWith('# '))
      .map((path) => `${path}:1: begin with a title`),
  )
})
test('links between the pages lead somewhere', () => {
  none(files.filter((path) => path.endsWith('.md')).flatMap(deadLinks))
})
test('the reference pages say what the code says', async () => {
  for (const [path, text] of await referencePages()) {
    assert.equal(
      readFileSync(join(root, path), 'utf8'),
      text,
      `${path} is not what the code says: run \`npm run docs:reference\``,
    )
  }
})
test('every setting has a description', () => {
  none(
    settings()
      .filter(({ path, node }) => !path.endsWith('[]') && !node.description)
      .map(({ path }) => `${path}: no description; add .meta({ description })`),
  )
})
test('the lock names the packages of every platform, without which npm ci refuses it', () => {
  none(
    [...missingEntries(readLock()).keys()].map(
      (path) => `package-lock.json: no ${path}; run \`node scripts/complete-lock.ts\``,
    ),
  )
})
test('what users install with us binds them to nothing', () => none(licenceViolations(readLock().packages)))
test('the examples want the versions that are tested here', () => {
  const { devDependencies: tested } = readPackage('package.json')
  none(
    files
      .filter((path) => /^examples\/[^/]+\/package\.json$/.test(path))
      .flatMap((path) => Object.entries(readPackage(path).dependencies ?? {}).map((each) => [path, ...each] as const))
      .filter(([, name, version]) => tested?.[name] !== version)
      .map(([path, name, version]) => `${path}: ${name} ${version}, but ${tested?.[name]} is tested`),
  )
})
test('nothing names a path of one machine or the host of a registry', () => {
  // In pieces, so that this file does not find itself.
  const words = ['/ro_ot/', '/wo_rk/', 'registry\\.np_mjs', 'deb\\.deb_ian'].map((word) => word.replace('_', ''))
  const forbidden = new RegExp(words.join('|'))
  const text = files.filter(
    (path) => /\.(ts|cjs|c|h|md|html|yaml|json)$|^\.ci\/|^\.npmrc$/.test(path) && path !== 'package-lock.json',
  )
  none(
    text.flatMap((path) =>
      readLines(path).flatMap((line, i) =>
        forbidden.test(line) ? [`${path}:${i + 1}: ${forbidden.exec(line)?.[0]}`] : [],
      ),
    ),
  )
})

type Versions = Readonly<Record<string, string>>

function readPackage(path: string): { dependencies?: Versions; devDependencies?: Versions } {
  return JSON.parse(readFileSync(join(root, path), 'utf8')) as ReturnType<typeof readPackage>
}

function deadLinks(path: string): Violation[] {
  const folder = path.split('/').slice(0, -1).join('/')
  return readLines(path).flatMap((line, i) =>
    [...line.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
      .map((match) => match[1] ?? '')
      .filter((to) => !/^[a-z]+:/.test(to))
      .filter(
        (to) =>
          !files.includes(join(folder, to).replaceAll('\\', '/')) &&
          !files.some((file) => file.startsWith(`${join(folder, to).replace(/\/$/, '')}/`)),
      )
      .map((to) => `${path}:${i + 1}: ${to} is not there`),
  )
}
