/** A Docker engine with an image in which this Node runs: the machine's libraries are mounted, so it weighs nothing. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { systemClock } from '../../../src/ground/clock.ts'
import { driversSchema } from '../../../src/fleet/driver/drivers-options.ts'
import { openFarDriver } from '../../../src/fleet/driver/open-far-driver.ts'
import type { Driver, Spec } from '../../../src/fleet/driver.ts'
import { programs } from '../replica-program.ts'
import type { ReplicaBench } from '../replica-suite.ts'
import { openTestEngine, type TestEngine } from './obtain-docker.ts'

export const image = 'holdfast-test:empty'

export interface DockerBench extends ReplicaBench, AsyncDisposable {
  readonly engine: TestEngine
  /** What `spec` gives, changed. */
  specWith(changes: Spec): Spec
  /** Id of the container of a replica. */
  idOf(name: string): Promise<string>
  openDriver(site?: string, onProgress?: (image: string, line: string) => void): Promise<Driver>
}

export async function openDockerBench(): Promise<DockerBench> {
  const engine = await openTestEngine()
  await importImage(engine, image, emptyRoot())
  const specWith = (changes: Spec): Spec => ({
    image,
    network: 'host',
    command: ['/node/node', '-e', programs.good],
    volumes: ['/usr:/usr:ro', `${dirname(process.execPath)}:/node:ro`],
    ulimits: { nofile: 1024 },
    ...changes,
  })
  const idOf = async (name: string): Promise<string> => {
    const filters = encodeURIComponent(JSON.stringify({ label: [`dev.holdfast.replica=${name}`] }))
    const { text } = await engine.ask('GET', `/containers/json?all=1&filters=${filters}`)
    return (JSON.parse(text) as { Id: string }[])[0]?.Id ?? ''
  }
  return {
    engine,
    specWith,
    idOf,
    spec: (program) => specWith({ command: ['/node/node', '-e', programs[program]] }),
    absentSpec: specWith({ command: ['/no-such-program'] }),
    crash: async (name) => void (await engine.ask('POST', `/containers/${await idOf(name)}/kill?signal=SIGKILL`)),
    openDriver: async (site = 'test', onProgress) => {
      const settings = driversSchema.parse({})
      const environment = { DOCKER_HOST: engine.host }
      const parts = { clock: systemClock, site, environment, ...(onProgress ? { onProgress } : {}) }
      return await openFarDriver('docker', settings, parts)
    },
    [Symbol.asyncDispose]: async () => await engine[Symbol.asyncDispose](),
  }
}

export async function importImage(engine: TestEngine, name: string, tar: Buffer): Promise<void> {
  const [repo = '', tag = 'latest'] = name.split(':')
  const { status, text } = await engine.ask('POST', `/images/create?fromSrc=-&repo=${repo}&tag=${tag}`, tar)
  if (status !== 200 || text.includes('"error"')) throw new Error(`no image: ${text}`)
}

/** Only the links that lead into `/usr`. */
function emptyRoot(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'hf-image-'))
  try {
    for (const link of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${link}`, join(folder, link))
    return execFileSync('tar', ['-C', folder, '-c', 'bin', 'lib', 'lib64'])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
