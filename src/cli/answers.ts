/** `holdfast answers list|purge`: what the answer cache has, and forgetting it; the gateway may be running, or not. */
import { existsSync } from 'node:fs'
import { systemClock } from '../ground/clock.ts'
import { journalPath, vectorsPath } from '../house/state-files.ts'
import { type AnswerChoice, SqliteKeptAnswers } from '../store/sqlite-kept-answers.ts'
import { countVectors, purgeVectors } from '../store/sqlite-vectors.ts'
import { commandConfig, type ConfigOptions } from './command-config.ts'

export interface AnswersOptions extends ConfigOptions {
  readonly key?: string
  readonly model?: string
  readonly all?: boolean
  readonly json?: boolean
}

/** @throws {Error} in words. */
export function listAnswers(options: AnswersOptions): void {
  using store = open(options)
  const kept = store?.list(choiceOf(options)) ?? []
  const path = vectorsPath(commandConfig(options))
  const questions = existsSync(path) ? countVectors(path, systemClock, choiceOf(options)) : 0
  if (options.json) return write(JSON.stringify({ kept, questions }, null, 2))
  if (kept.length === 0) return write('The answer cache is empty.')
  for (const { key, model, count, bytes, newestMs } of kept) {
    const size = `${(bytes / 1024).toFixed(0)} KiB`.padStart(10)
    write(
      `${(key || '(no key)').padEnd(20)}  ${model.padEnd(30)} ${String(count).padStart(7)} ${size}  ${day(newestMs)}`,
    )
  }
  if (questions > 0) write(`${questions} of their questions are compared with others by their meaning.`)
}

/** @throws {Error} in words. */
export async function purgeAnswers(options: AnswersOptions): Promise<void> {
  const choice = choiceOf(options)
  if (choice.key === null && choice.model === null && !options.all)
    throw new Error('Say what to purge: --key <name>, --model <name>, both, or --all.')
  using store = open(options)
  const count = (await store?.purge(choice)) ?? 0
  const path = vectorsPath(commandConfig(options))
  if (existsSync(path)) await purgeVectors(path, systemClock, choice)
  write(options.json ? JSON.stringify({ purged: count }) : `${count} answers are given to nobody else any more.`)
}

function open(options: AnswersOptions): SqliteKeptAnswers | null {
  const config = commandConfig(options)
  if (config.isForgetful) throw new Error('This gateway keeps its answers in memory: a restart empties its cache.')
  const path = journalPath(config)
  return existsSync(path) ? new SqliteKeptAnswers(path, systemClock) : null
}

const choiceOf = ({ key, model }: AnswersOptions): AnswerChoice => ({ key: key ?? null, model: model ?? null })
const day = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ')

function write(text: string): void {
  process.stdout.write(`${text}\n`)
}
