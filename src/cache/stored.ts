/** An answer as it is kept, without its body. */
import type { HeaderList } from './header-list.ts'

export interface Stored {
  readonly status: number
  /** Without those of one connection only. */
  readonly headers: HeaderList
  /** When it was asked for and when its head came, milliseconds since 1970. */
  readonly requestMs: number
  readonly responseMs: number
  /** What the request said in the fields that the answer varies by: lower-case names, null where it said nothing. */
  readonly vary: readonly (readonly [name: string, value: string | null])[]
  /** Of a part of the whole: where it begins and ends (inclusive), and how long the whole is. */
  readonly part?: { readonly from: number; readonly to: number; readonly whole: number }
  /** Something has changed since, perhaps: it is to be asked for again before it is used. */
  readonly isDoubted?: boolean
}
