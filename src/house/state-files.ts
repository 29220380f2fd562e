/** The databases in the folder of the gateway's state, and which of them there are. */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { recordFileName } from '../store/sqlite-record-file.ts'

export const journalPath = ({ stateDir }: Pick<Config, 'stateDir'>): string => join(stateDir, 'journal.db')
export const streamsPath = ({ stateDir }: Pick<Config, 'stateDir'>): string => join(stateDir, 'streams.db')

export const cachePath = ({ stateDir }: Pick<Config, 'stateDir'>): string => join(stateDir, 'cache.db')

/** Requests that kill model servers. */
export const quarantinePath = ({ stateDir }: Pick<Config, 'stateDir'>): string => join(stateDir, 'quarantine.db')

/** What passes of visitors are signed with. */
export const passSecretPath = ({ stateDir }: Pick<Config, 'stateDir'>): string => join(stateDir, 'pass.key')

/** Questions as vectors, kept as the journal is. */
export const vectorsPath = ({ stateDir }: Pick<Config, 'stateDir'>): string => join(stateDir, 'vectors.db')

/** Copies are kept as the journal is, unless their own setting says otherwise. */
export const cacheEngine = ({ web, journal }: Pick<Config, 'web' | 'journal'>): 'memory' | 'sqlite' =>
  web.cache.engine ?? journal.engine

/** The record is kept as the journal is, unless its own setting says otherwise. */
export const recordEngine = ({ record, journal }: Pick<Config, 'record' | 'journal'>): 'memory' | 'sqlite' =>
  record.engine ?? journal.engine

/** Paths of all that are kept on the disk. */
export function sqlitePaths(config: Config): string[] {
  const { stateDir, journal, streams, record, web, cache } = config
  const paths: string[] = []
  if (journal.engine === 'sqlite') paths.push(journalPath(config))
  if (journal.engine === 'sqlite' && cache.semantic) paths.push(vectorsPath(config))
  if (streams.engine === 'sqlite') paths.push(streamsPath(config))
  if (record.enabled && recordEngine(config) === 'sqlite') paths.push(join(stateDir, recordFileName))
  if (web.routes.some(({ app }) => app !== undefined) && cacheEngine(config) === 'sqlite') paths.push(cachePath(config))
  return paths
}
