/** `holdfast restart`: asks a running gateway for new workers, and waits until they serve. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** In the state folder of a running gateway: its process number and where operators reach it, as JSON. */
export const pidFileName = 'holdfast.pid'

const pollMs = 100
const patienceMs = 60_000

interface Facts {
  readonly generation?: number
  readonly workers?: readonly unknown[]
  readonly retiring?: readonly { readonly callsLive?: number }[]
  readonly failedRestarts?: { readonly count: number; readonly reason: string }
}

/** @throws {Error} in words that name the cure. */
export async function restart(stateDir: string, isJson: boolean): Promise<void> {
  const gateway = readPidFile(stateDir)
  const before = await look(gateway)
  process.kill(gateway.pid, 'SIGUSR2')
  const after = await untilRestarted(gateway, before)
  const workers = after.workers?.length ?? 0
  const finishing = after.retiring?.reduce((sum, { callsLive = 0 }) => sum + callsLive, 0) ?? 0
  const words = `${workers} new workers serve; the old ones finish ${finishing} calls and end.`
  process.stdout.write(
    isJson ? `${JSON.stringify({ generation: after.generation, workers, finishing })}\n` : `${words}\n`,
  )
}

export interface Gateway {
  readonly pid: number
  readonly adminUrl: string
  /** Where callers connect. */
  readonly urls?: readonly string[]
  /** For its operators' port, where that asks for one. */
  readonly token?: string
}

/** @throws {Error} when none runs there. */
export function readPidFile(stateDir: string): Gateway {
  try {
    const facts = JSON.parse(readFileSync(join(stateDir, pidFileName), 'utf8')) as Gateway
    process.kill(facts.pid, 0)
    return facts
  } catch (cause) {
    throw new Error(`No gateway runs with its state in ${stateDir}. Name the folder with --state.`, { cause })
  }
}

async function look({ adminUrl, token }: Gateway): Promise<Facts> {
  try {
    const answer = await fetch(
      `${adminUrl}/readyz`,
      token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
    )
    return (await answer.json()) as Facts
  } catch (cause) {
    throw new Error(`The gateway does not answer at ${adminUrl}/readyz.`, { cause })
  }
}

async function untilRestarted(gateway: Gateway, { generation = 0, failedRestarts }: Facts): Promise<Facts> {
  const endMs = performance.now() + patienceMs
  while (performance.now() < endMs) {
    const facts = await look(gateway)
    if ((facts.generation ?? 0) > generation) return facts
    const { count = 0, reason = '' } = facts.failedRestarts ?? {}
    if (count > (failedRestarts?.count ?? 0))
      throw new Error(`The restart failed, and the old workers go on: ${reason}`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  throw new Error('The new workers did not come up within a minute; the old ones go on. Their log says why.')
}
