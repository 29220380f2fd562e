/** Reads a book of speeds from its file; what makes no sense is left out. */
import { z } from '../ground/schema.ts'
import { entriesMax, SpeedBook } from './speed-book.ts'

const learntSchema = z.object({
  intercept: z.number().min(-1e9).max(1e9),
  slope: z.number().min(0).max(1e6),
  count: z.int().min(1).max(1e6),
  atMs: z.number().min(0),
})
const entrySchema = z.object({
  url: z.string().max(2048),
  model: z.string().max(256),
  firstToken: learntSchema.optional(),
  gap: learntSchema.optional(),
  whole: learntSchema.optional(),
})
const bookSchema = z.object({ entries: z.array(z.unknown()) })

/** Reads what its `toString` wrote. @throws {Error} when it is no such text at all. */
export function readSpeedBook(text: string, nowMs: number): SpeedBook {
  const book = new SpeedBook()
  const { entries } = bookSchema.parse(JSON.parse(text))
  const valid = entries.slice(0, entriesMax).flatMap((entry) => {
    const { success, data } = entrySchema.safeParse(entry)
    return success ? [data] : []
  })
  book.add(valid, nowMs)
  return book
}
