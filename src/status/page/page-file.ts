/** One file of the public page as it is hosted, here or elsewhere, and who makes such files. */
import type { StatusView } from '../status-view.ts'

export interface PageFile {
  /** Below the root of the page, such as `api/v2/status.json`; of letters, digits, `-`, `_`, `.` and `/`. */
  readonly path: string
  readonly contentType: string
  readonly bytes: Buffer
}

export type FileMaker = (view: StatusView) => readonly PageFile[]

export const htmlType = 'text/html; charset=utf-8'
