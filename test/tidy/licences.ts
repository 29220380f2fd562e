/** Licences of what users install with us, by the lock: only those that ask for no more than to be named. */
import type { Violation } from './source.ts'

const permissive = new Set([
  'MIT',
  'MIT-0',
  'Apache-2.0',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'Unlicense',
  'BlueOak-1.0.0',
  'PSF-2.0',
])

/** Packages that tell it in the old form (`licenses`), which locks leave out; all MIT, looked up in them. */
const oldForm = new Set(['node_modules/ssh2', 'node_modules/cpu-features', 'node_modules/buildcheck'])

export interface Locked {
  readonly dev?: boolean
  readonly license?: string
}

/** `packages`: by their path in the lock; the root has none. */
export function licenceViolations(packages: Readonly<Record<string, Locked>>): Violation[] {
  return Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && !dev && !oldForm.has(path))
    .filter(([, { license = 'none told' }]) => !isPermissive(license))
    .map(
      ([path, { license = 'none told' }]) =>
        `package-lock.json: ${path} is under ${license}; users would be bound by it`,
    )
}

/** Of several that are offered one is enough. */
function isPermissive(licence: string): boolean {
  return licence
    .replace(/^\((.*)\)$/, '$1')
    .split(' OR ')
    .some((each) => permissive.has(each))
}
