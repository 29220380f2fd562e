/** Floors, circles, doors: who may import whom. */
import type { Import, Source, Violation } from './source.ts'

/** Rooms of src/ by floor, the ground first. A file imports from its own room or from a lower floor. */
const floors: Readonly<Record<string, number>> = {
  ground: 1,
  fault: 2,
  observe: 3,
  cache: 3,
  dialect: 3,
  store: 4,
  alert: 4,
  diagnosis: 5,
  fleet: 5,
  objective: 5,
  relay: 6,
  status: 6,
  control: 6,
  edge: 7,
  'config.ts': 8,
  'config-file.ts': 8.5,
  house: 9,
  'main.ts': 10,
  cli: 11,
}

/** Node modules that touch the world, and the places where that is allowed. */
const worldModules = new RegExp(
  `^(node:(${[
    ...['net', 'http', 'https', 'http2', 'tls', 'dgram', 'dns', 'dns/promises', 'fs', 'fs/promises', 'os', 'sqlite'],
    ...['child_process', 'cluster', 'worker_threads'],
  ].join('|')})|undici)$`,
)
const worldPlaces = [
  /^src\/(config-file|main|house\/secrets)\.ts$/,
  /^src\/cli\//,
  /^src\/edge\/(listener|admin|console-page|page)\.ts$/,
  /^src\/edge\/(tls|http2)\//,
  /^src\/house\/tls\//,
  /^src\/relay\/wire\//,
  /^src\/fleet\/driver\/[\w-]+\.ts$/,
  /^src\/store\/(sqlite|redis|postgres)-/,
  /^src\/observe\/(otlp|log|line-sink|vital-signs)\.ts$/,
  /^src\/alert\/(post|mail|state-file)\.ts$/,
  /^src\/status\/page\/(snapshot-folder|look-files|put-object)\.ts$/,
  /^src\/edge\/status\/(status-server|page-shelf)\.ts$/,
  /^src\/edge\/web\/folder\.ts$/,
  // Of node:net only what reads addresses.
  /^src\/edge\/(address\/(address-list|forwarded|proxy-header)|crowd\/place)\.ts$/,
]
const isTest = (path: string): boolean => path.endsWith('.test.ts')

/** A test lives on the floor of what it tests. */
function room(path: string): string {
  return (path.split('/')[1] ?? '').replace(/\.test\.ts$/, '.ts')
}

/** The sub-room of a plane, e.g. `relay/wire`; null for the plane's root files and for other rooms. */
function subRoom(path: string): string | null {
  const parts = path.split('/')
  const isPlane = parts[1] === 'relay' || parts[1] === 'control'
  return isPlane && parts.length > 3 ? `${parts[1]}/${parts[2]}` : null
}

function checkImport(source: Source, { to, line, isTypeOnly }: Import): Violation | null {
  const at = `${source.path}:${line}`
  if (worldModules.test(to)) {
    const isAllowed = worldPlaces.some((place) => place.test(source.path)) || isTest(source.path) || isTypeOnly
    return isAllowed
      ? null
      : `${at}: ${to} touches the world; take it by argument, or move this to the room's file that may`
  }
  if (to.startsWith('lab/'))
    return source.path.startsWith('src/cli/') || isTest(source.path) ? null : `${at}: only src/cli may use the lab`
  if (/^(test|bench|scripts)\//.test(to))
    return isTest(source.path) ? null : `${at}: src never imports ${to.split('/')[0]}/`
  if (!to.startsWith('src/')) return null
  const mine = floors[room(source.path)]
  const theirs = floors[room(to)]
  if (mine === undefined || theirs === undefined)
    return `${at}: ${room(source.path)} or ${room(to)} is no room of the plan; add it to test/tidy/floors.ts`
  if (room(to) !== room(source.path) && theirs >= mine)
    return `${at}: ${room(source.path)} (floor ${mine}) may not import ${to} (floor ${theirs}); move what is shared down`
  return checkPlane(source.path, to, at)
}

function checkPlane(from: string, to: string, at: string): Violation | null {
  const mine = subRoom(from)
  if (mine === null || room(from) !== room(to)) return null
  const theirs = subRoom(to)
  if (theirs === mine) return null
  // A contract of one file, which all sub-rooms may hold in hand, stands in the plane's root.
  if (theirs === null && to === 'src/relay/reply.ts') return null
  return `${at}: ${mine} may not import ${to}; only the root files of ${room(from)}/ join its rooms`
}

/** Every import that the plan of the house forbids. */
export function floorViolations(sources: readonly Source[]): Violation[] {
  return sources.flatMap((source) => {
    if (source.path.startsWith('src/'))
      return source.imports.map((each) => checkImport(source, each)).filter((violation) => violation !== null)
    if (!source.path.startsWith('lab/')) return []
    return source.imports
      .filter(({ to }) => to.startsWith('src/') && !to.startsWith('src/ground/'))
      .map(({ to, line }) => `${source.path}:${line}: the lab may use src/ground only, not ${to}`)
  })
}

/** Files that import each other in a loop, types included; each loop once. */
export function circles(sources: readonly Source[]): Violation[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const done = new Set<string>()
  const found: Violation[] = []
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path)
    if (start !== -1) {
      found.push(`circle: ${[...way.slice(start), path].join(' → ')}; let the contract lie below and the factory above`)
      return
    }
    if (done.has(path)) return
    for (const { to } of byPath.get(path)?.imports ?? []) if (byPath.has(to)) visit(to, [...way, path])
    done.add(path)
  }
  for (const { path } of sources) visit(path, [])
  return found
}

/** Third-party packages that are not wrapped by one file, of src/ or of lab/. */
export function packageViolations(sources: readonly Source[]): Violation[] {
  const users = new Map<string, Set<string>>()
  for (const { path, imports } of sources) {
    if (!path.startsWith('src/') || isTest(path)) continue
    for (const { to } of imports) {
      if (/^(src|lab|node:|test|\.)/.test(to)) continue
      users.set(to, (users.get(to) ?? new Set()).add(path))
    }
  }
  return [...users]
    .filter(([, files]) => files.size > 1)
    .map(([name, files]) => `${name} is imported by ${[...files].join(', ')}; let one file wrap it`)
}

/** Source files that nobody imports and that are no entry. */
export function orphans(sources: readonly Source[]): Violation[] {
  const used = new Set(sources.flatMap(({ imports }) => imports.map(({ to }) => to)))
  const isEntry = (path: string): boolean =>
    /^src\/cli\/(holdfast|checkpoint-thread)\.ts$/.test(path) || path === 'lab/main.ts' || isTest(path)
  return sources
    .filter(({ path }) => !used.has(path) && !isEntry(path))
    .map(({ path }) => `${path}: nobody imports it; use it or remove it`)
}

/** Packages of others that a process loads which begins at `entry`, sorted. */
export function loadedPackages(sources: readonly Source[], entry: string): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const reached = new Set([entry])
  for (const path of reached)
    for (const { to, isTypeOnly, isLazy } of byPath.get(path)?.imports ?? [])
      if (!isTypeOnly && !isLazy) reached.add(to)
  return [...reached].filter((to) => !byPath.has(to) && /^@?[a-z][\w./-]*$/.test(to)).toSorted()
}
