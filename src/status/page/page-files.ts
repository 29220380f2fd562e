/** From a view to all pages for people, in every language. */
import type { StatusView } from '../status-view.ts'
import { frame } from './frame.ts'
import { historyPage, monthPath, monthsOf } from './history-page.ts'
import { html } from './html.ts'
import { pathOf } from './incident-card.ts'
import { incidentPage } from './incident-page.ts'
import { tabIcon } from './level-mark.ts'
import { mainPage } from './main-page.ts'
import { htmlType, type PageFile } from './page-file.ts'
import { folderOf, homeOf, type PageLook, type PageScene } from './page-scene.ts'
import { PageTime } from './page-time.ts'
import { tidyView } from './tidy-view.ts'
import type { Words } from './words/en.ts'

export interface PageSetting extends Omit<PageLook, 'languages'> {
  /** In order of their offer; at least one. */
  readonly languages: readonly Words[]
}

export function pageFiles(told: StatusView, setting: PageSetting): PageFile[] {
  const view = tidyView(told)
  const icon = { path: 'icon.svg', contentType: 'image/svg+xml', bytes: tabIcon(view.level) }
  return [icon, ...setting.languages.flatMap((words) => pagesIn(words, view, setting))]
}

function pagesIn(words: Words, view: StatusView, look: PageSetting): PageFile[] {
  const time = new PageTime(words.locale, view.page.timeZone)
  const folder = folderOf(look, words.tag)
  const page = (path: string, draw: (scene: PageScene) => Buffer): PageFile => ({
    path: folder + path,
    contentType: htmlType,
    bytes: draw({ view, look, words, time, path }),
  })
  const months = monthsOf(view, time)
  return [
    page('index.html', mainPage),
    ...months.map((month) => page(monthPath(month, months), (scene) => historyPage(scene, month, months))),
    ...view.incidents.map((incident) => page(pathOf(incident.id), (scene) => incidentPage(scene, incident))),
    page('404.html', (scene) => lostPage({ ...scene, base: baseOf(view.page.url) })),
  ]
}

/** The path of the page's address. */
function baseOf(url: string): string {
  return URL.canParse(url) ? `${new URL(url).pathname.replace(/\/+$/, '')}/` : '/'
}

function lostPage(scene: PageScene): Buffer {
  const { words, view } = scene
  const main = html`<h1>${words.lostTitle}</h1>
<p>${words.lostText} <a href="${homeOf(scene)}index.html">${words.lostLink}</a></p>
`
  return frame(scene, { title: `${words.lostTitle} · ${view.page.name}`, about: words.lostTitle, main })
}
