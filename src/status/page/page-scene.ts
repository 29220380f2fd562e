/** What every part of a page is drawn from. */
import { isoTime } from '../../ground/iso-time.ts'
import type { StatusView } from '../status-view.ts'
import { html, type Html } from './html.ts'
import type { PageTime } from './page-time.ts'
import type { Words } from './words/en.ts'

export interface PageLook {
  /** File name of the logo, beside the first page; null where there is none. */
  readonly logo: string | null
  /** Older figures are shown with a warning. */
  readonly staleMinutes: number
  /** In order of their offer; the first is the one without a folder of its own. */
  readonly languages: readonly Pick<Words, 'tag' | 'name'>[]
  /** Whether people may ask for letters. */
  readonly canSubscribe: boolean
  /** What else there is to follow, such as feeds: files beside the first page. */
  readonly feeds: readonly { readonly path: string; readonly name: string }[]
}

export interface PageScene {
  /** Tidy. */
  readonly view: StatusView
  readonly look: PageLook
  readonly words: Words
  readonly time: PageTime
  /** Of this page below the folder of its language, such as `incidents/abc.html`. */
  readonly path: string
  /** Where all begins, for a page that is shown at any address; else links are relative, and hold in any folder. */
  readonly base?: string
}

/** From this page to the folder of its language: empty, or `../` for each folder down. */
export function homeOf({ path, base, look, words }: PageScene): string {
  return base === undefined ? '../'.repeat(path.split('/').length - 1) : base + folderOf(look, words.tag)
}

/** From this page to the root of all. */
export function rootOf(scene: PageScene): string {
  return scene.base ?? (isFirst(scene.look, scene.words.tag) ? '' : '../') + homeOf(scene)
}

/** From the root to the folder of a language. */
export function folderOf(look: Pick<PageLook, 'languages'>, tag: string): string {
  return isFirst(look, tag) ? '' : `${tag}/`
}

function isFirst({ languages }: Pick<PageLook, 'languages'>, tag: string): boolean {
  return (languages[0]?.tag ?? tag) === tag
}

/** In the language of the page where we wrote it, else unmarked: nobody knows what operators write in. */
export function ownText({ words }: PageScene, isOurs: boolean): Html {
  return isOurs && words.tag !== 'en' ? html` lang="en"` : html``
}

export function timeTag(ms: number, shown: string): Html {
  return html`<time datetime="${isoTime(ms)}">${shown}</time>`
}

/** A mark from the set that each page carries once. */
export function icon(name: string): Html {
  return html`<svg class="i" aria-hidden="true"><use href="#${name}"/></svg>`
}
