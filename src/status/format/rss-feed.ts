/** The history as RSS 2.0, for readers that know no Atom. */
import type { StatusView } from '../status-view.ts'
import { isoOf, momentOf } from './view-words.ts'
import { type FeedEntry, feedEntries } from './feed-entry.ts'
import { element, escapeMarkup, textElement } from './markup.ts'

/** RFC 822 with four digits of the year, in GMT. */
const dateOf = (ms: number): string => new Date(momentOf(ms)).toUTCString()

export function rssFeed(view: StatusView): string {
  const { page } = view
  const entries = feedEntries(view)
  const title = `${page.name}: incidents and maintenance`
  const self = { rel: 'self', type: 'application/rss+xml', href: `${page.url}/history.rss` }
  const head = [
    textElement('title', title),
    textElement('link', page.url),
    textElement('description', title),
    textElement('language', 'en'),
    textElement('lastBuildDate', dateOf(entries[0]?.updatedMs ?? view.updatedMs)),
    ...(page.url === '' ? [] : [element('atom:link', self)]),
  ]
  const body = [...head, ...entries.map(itemOf)].join('\n')
  const open = '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom">'
  return `<?xml version="1.0" encoding="utf-8"?>\n${open}<channel>\n${body}\n</channel></rss>\n`
}

function itemOf({ id, title, link, publishedMs, updatedMs, html, categories }: FeedEntry): string {
  const parts = [
    textElement('title', title),
    ...(link === '' ? [] : [textElement('link', link)]),
    element('guid', { isPermaLink: 'false' }, escapeMarkup(id)),
    textElement('pubDate', dateOf(publishedMs)),
    textElement('atom:updated', isoOf(updatedMs)),
    ...categories.map((name) => textElement('category', name)),
    textElement('description', html),
  ]
  return element('item', {}, parts.join(''))
}
