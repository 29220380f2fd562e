/** Opens the drivers that ask somebody else for replicas; each brings its library only where it is wanted. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../ground/clock.ts'
import { DriverFault } from '../driver-fault.ts'
import type { Driver } from '../driver.ts'
import type { DriversOptions } from './drivers-options.ts'
import type { EngineAddress } from './docker-engine.ts'

export interface FarDriverParts {
  readonly clock: Clock
  /** Sets our replicas apart from those of other gateways at the same place; stays the same over restarts. */
  readonly site: string
  /** `DOCKER_HOST`, `DOCKER_CERT_PATH` and `DOCKER_TLS_VERIFY` are read of it. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** How far the fetch of an image is. */
  readonly onProgress?: (image: string, line: string) => void
}

/** @throws DriverFault where the settings lead nowhere; whether anybody answers is seen at the first question */
export async function openFarDriver(
  kind: 'docker' | 'kubernetes',
  settings: DriversOptions,
  { clock, site, environment, onProgress }: FarDriverParts,
): Promise<Driver> {
  if (kind === 'kubernetes') {
    const { KubernetesApi } = await import('./kubernetes-api.ts')
    const { KubernetesDriver } = await import('./kubernetes-driver.ts')
    return new KubernetesDriver({ clock, site, api: await KubernetesApi.open(settings.kubernetes, clock) })
  }
  const { DockerEngine } = await import('./docker-engine.ts')
  const { DockerDriver } = await import('./docker-driver.ts')
  const engine = await DockerEngine.open(dockerAddress(settings.docker, environment))
  return new DockerDriver({ clock, engine, site, ...(onProgress ? { onProgress } : {}) })
}

/** As Docker's own programs find their engine, unless the settings say otherwise. */
export function dockerAddress(
  { host, certs }: DriversOptions['docker'],
  environment: FarDriverParts['environment'],
): EngineAddress {
  const where = host ?? (environment['DOCKER_HOST'] || null)
  const folder = certs ?? (environment['DOCKER_TLS_VERIFY'] ? environment['DOCKER_CERT_PATH'] : undefined)
  return { host: where, certs: folder && where && !/^(unix|npipe|ssh):/.test(where) ? readCerts(folder) : null }
}

function readCerts(folder: string): NonNullable<EngineAddress['certs']> {
  const read = (name: string): string => {
    try {
      return readFileSync(join(folder, name), 'utf8')
    } catch (error) {
      const cure = 'put ca.pem, cert.pem and key.pem there, or name another folder (`drivers.docker.certs`)'
      throw new DriverFault('refused', `${join(folder, name)} cannot be read`, cure, error)
    }
  }
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
}
