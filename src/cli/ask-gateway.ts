/** How commands ask a running gateway: over its operators' port, found by the file in its state folder. */
import { readPidFile } from './restart.ts'

const patienceMs = 5000

/** No gateway runs there, or it does not answer; the words name the cure. */
export class NoGateway extends Error {}

/**
 * @returns null where the gateway has nothing of the kind.
 * @throws {NoGateway}
 */
export async function askGateway<T>(stateDir: string, path: string): Promise<T | null> {
  const { adminUrl, token } = findGateway(stateDir)
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  try {
    const answer = await fetch(`${adminUrl}${path}`, { headers, signal: AbortSignal.timeout(patienceMs) })
    if (answer.status === 404) return null
    if (!answer.ok) throw new Error(`status ${answer.status}`)
    return (await answer.json()) as T
  } catch (cause) {
    throw new NoGateway(`The gateway does not answer at ${adminUrl}${path}.`, { cause })
  }
}

function findGateway(stateDir: string): ReturnType<typeof readPidFile> {
  try {
    return readPidFile(stateDir)
  } catch (error) {
    throw new NoGateway(error instanceof Error ? error.message : String(error), { cause: error })
  }
}
