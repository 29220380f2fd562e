/** The list of models, in the words of either family. */
import type { Family } from '../dialect/call.ts'
import { Fault } from '../fault/fault.ts'
import type { ModelEntry } from '../fleet/fleet.ts'

function spell({ id }: ModelEntry, family: Family): object {
  if (family === 'anthropic') return { type: 'model', id, display_name: id, created_at: '1970-01-01T00:00:00Z' }
  return { id, object: 'model', created: 0, owned_by: 'holdfast' }
}

export function modelList(entries: readonly ModelEntry[], family: Family): Buffer {
  const data = entries.map((entry) => spell(entry, family))
  const ends = { has_more: false, first_id: entries[0]?.id ?? null, last_id: entries.at(-1)?.id ?? null }
  return Buffer.from(JSON.stringify(family === 'anthropic' ? { data, ...ends } : { object: 'list', data }))
}

/** @throws {Fault} HF_MODEL_UNKNOWN */
export function oneModel(entries: readonly ModelEntry[], id: string, family: Family): Buffer {
  const entry = entries.find((each) => each.id === id)
  if (!entry) throw new Fault('HF_MODEL_UNKNOWN', { param: 'model' })
  return Buffer.from(JSON.stringify(spell(entry, family)))
}
