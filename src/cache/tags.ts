/** Tags under which an answer can be purged: `cache-tag` (commas between) and the older `surrogate-key` (blanks). */
import { splitList } from './field-list.ts'
import { type HeaderList, linesOf } from './header-list.ts'

const tagsMax = 64
const tagLengthMax = 128

export function tagsOf(headers: HeaderList): string[] {
  const older = linesOf(headers, 'surrogate-key').flatMap((line) => line.split(/[ \t]+/, tagsMax))
  const all = [...splitList(linesOf(headers, 'cache-tag'), tagsMax), ...older]
  return [...new Set(all.filter((tag) => tag !== '' && tag.length <= tagLengthMax))].slice(0, tagsMax)
}
