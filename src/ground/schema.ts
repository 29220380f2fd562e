/**
 * The schema library, wrapped: the one file that imports it. Every setting says type, unit, default and one sentence.
 */
import { z } from 'zod'

export { z }

const unitBytes: Record<string, number> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }

/** A size: a whole number of bytes, or text like `64MiB`. The default is given in bytes. */
export function bytes(defaultBytes: number, description: string) {
  return z
    .union([
      z.int().min(0),
      z.string().regex(/^\d+(\.\d+)? ?(B|KiB|MiB|GiB)$/, 'a number of bytes, or text like 64MiB'),
    ])
    .transform((value) => {
      if (typeof value === 'number') return value
      const [, amount = '0', , unit = 'B'] = /^(\d+(\.\d+)?) ?(\w+)$/.exec(value) ?? []
      return Math.round(Number(amount) * (unitBytes[unit] ?? 1))
    })
    .default(defaultBytes)
    .meta({ description: `${description} Bytes, or text like \`64MiB\`.` })
}

/** A duration in milliseconds. */
export function milliseconds(
  defaultMs: number,
  description: string,
  range: { min?: number; max?: number } = {},
): z.ZodDefault<z.ZodInt> {
  return count(defaultMs, `${description} Milliseconds.`, { max: 86_400_000, ...range })
}

/** A count. */
export function count(
  defaultCount: number,
  description: string,
  range: { min?: number; max?: number } = {},
): z.ZodDefault<z.ZodInt> {
  return z
    .int()
    .min(range.min ?? 1)
    .max(range.max ?? 1_000_000)
    .default(defaultCount)
    .meta({ description })
}

/** The same setting without its default: for places that override it. */
export function override(field: z.ZodDefault<z.ZodInt>): z.ZodOptional<z.ZodInt> {
  const description = field.meta()?.description ?? ''
  return field
    .unwrap()
    .optional()
    .meta({ description: `Here: ${description.charAt(0).toLowerCase()}${description.slice(1)}` })
}
