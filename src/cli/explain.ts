/**
 * `holdfast explain`: why a call failed, from the record. It reads the record's file, so it works while the gateway is
 * dead; only a record in memory is asked for over the operators' port.
 */
import { safeJson } from '../ground/one-line.ts'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Diagnosis } from '../diagnosis/diagnose.ts'
import { explainRay } from '../diagnosis/explain-ray.ts'
import { explanation } from '../diagnosis/explanation.ts'
import { recordFileName } from '../store/sqlite-record-file.ts'
import { type Gateway, readPidFile } from './restart.ts'
import { openRecordOf } from './tail.ts'

/** A call that is just over is written down within half a second. */
const settleMs = 700

interface ExplainOptions {
  readonly stateDir: string
  readonly isJson: boolean
}

/** Exit code 1 where the record has nothing of it. @throws {Error} in words that name the cure. */
export async function explain(ray: string, { stateDir, isJson }: ExplainOptions): Promise<void> {
  const diagnosis = await find(ray, stateDir)
  if (diagnosis.ray === 'last') throw new Error('No call has failed, as far as the record goes back.')
  process.stdout.write(isJson ? `${safeJson(JSON.stringify(diagnosis, null, 2))}\n` : explanation(diagnosis))
  if (diagnosis.cause === 'unrecorded') process.exitCode = 1
}

async function find(ray: string, stateDir: string): Promise<Diagnosis> {
  const path = join(stateDir, recordFileName)
  if (!existsSync(path)) return askGateway(ray, readPidFile(stateDir))
  const diagnosis = readFile(stateDir, ray)
  if (diagnosis.cause !== 'unrecorded' && !diagnosis.isInferred) return diagnosis
  await new Promise((resolve) => setTimeout(resolve, settleMs))
  return readFile(stateDir, ray)
}

function readFile(stateDir: string, ray: string): Diagnosis {
  using reader = openRecordOf(stateDir)
  try {
    return explainRay(reader, ray)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(
      `The record in ${stateDir} cannot be read (${reason}).\n    A gateway that runs lays a damaged one aside, as ${recordFileName}.damaged, and begins another.`,
      { cause },
    )
  }
}

/** Where the record is in the memory of a process. */
async function askGateway(ray: string, { adminUrl, token }: Gateway): Promise<Diagnosis> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const answer = await fetch(`${adminUrl}/explain/${encodeURIComponent(ray)}`, { headers })
  if (!answer.ok) throw new Error(`The gateway does not explain it: ${(await answer.text()).slice(0, 500)}`)
  return (await answer.json()) as Diagnosis
}
