/**
 * `GET /deploy`, `POST /deploy` and `POST /deploy/pause|resume|rollback|go-on` on the operators' port: rollouts are looked
 * at, begun and led.
 */
import type { IncomingMessage } from 'node:http'
import { Fault } from '../fault/fault.ts'
import { type AdminAnswer, readWrite } from './admin-write.ts'

const commands = ['pause', 'resume', 'rollback', 'go-on'] as const
const strategies = ['canary', 'blue-green', 'rolling'] as const

export const deployPaths: ReadonlySet<string> = new Set(['/deploy', ...commands.map((each) => `/deploy/${each}`)])

export interface DeployWish {
  readonly deployment: string
  readonly release: string
  /** Left out: the one that is set. */
  readonly strategy?: (typeof strategies)[number] | undefined
  readonly by: string
}

/** What leads the rollouts. It throws in the operator's words. */
export interface DeployDesk {
  list(deployment: string | null): Promise<readonly object[]>
  begin(wish: DeployWish): Promise<object>
  command(deployment: string, asked: (typeof commands)[number], by: string): Promise<object>
}

/** @throws {Fault} */
export async function answerDeploy(
  [path, query]: readonly [path: string, query: string],
  request: IncomingMessage,
  open: () => DeployDesk | null,
): Promise<AdminAnswer> {
  const desk = open()
  if (!desk)
    throw new Fault('HF_ROUTE_UNKNOWN', { detail: 'nothing is deployed: name `deployments` in the configuration' })
  if (path === '/deploy' && request.method === 'GET')
    return { status: 200, body: { rollouts: await desk.list(new URLSearchParams(query).get('deployment')) } }
  if (request.method !== 'POST')
    throw new Fault('HF_METHOD_UNKNOWN', { param: path === '/deploy' ? 'GET, POST' : 'POST', detail: path })
  const body = await readWrite(request)
  const wordOf = (name: string, usual?: string): string => {
    const value = body[name] ?? usual
    if (typeof value === 'string' && value !== '' && value.length <= 200) return value
    throw new Fault('HF_BAD_CALL', { detail: `\`${name}\` is a name` })
  }
  const [deployment, by] = [wordOf('deployment'), wordOf('by', 'operator')]
  const asked = commands.find((each) => path === `/deploy/${each}`)
  if (asked) return { status: 200, body: await desk.command(deployment, asked, by) }
  const strategy = strategies.find((each) => each === body['strategy'])
  if (!strategy && body['strategy'] !== undefined)
    throw new Fault('HF_BAD_CALL', { detail: `\`strategy\` is one of ${strategies.join(', ')}` })
  return { status: 202, body: await desk.begin({ deployment, release: wordOf('release'), strategy, by }) }
}
