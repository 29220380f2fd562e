/** The history as Atom (RFC 4287): an entry an incident, whose `updated` moves with each update. */
import type { StatusView } from '../status-view.ts'
import { type FeedEntry, feedEntries, urnOf } from './feed-entry.ts'
import { element, escapeMarkup, textElement } from './markup.ts'
import { isoOf } from './view-words.ts'

export function atomFeed(view: StatusView): string {
  const { page } = view
  const entries = feedEntries(view)
  const head = [
    textElement('id', urnOf(page)),
    textElement('title', `${page.name}: incidents and maintenance`),
    textElement('updated', isoOf(entries[0]?.updatedMs ?? view.updatedMs)),
    element('author', {}, textElement('name', page.name)),
    ...(page.url === ''
      ? []
      : [
          element('link', { rel: 'alternate', type: 'text/html', href: page.url }),
          element('link', { rel: 'self', type: 'application/atom+xml', href: `${page.url}/history.atom` }),
        ]),
  ]
  const body = [...head, ...entries.map(entryOf)].join('\n')
  return `<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">\n${body}\n</feed>\n`
}

function entryOf({ id, title, link, publishedMs, updatedMs, html, categories }: FeedEntry): string {
  const parts = [
    textElement('id', id),
    element('title', { type: 'text' }, escapeMarkup(title)),
    textElement('published', isoOf(publishedMs)),
    textElement('updated', isoOf(updatedMs)),
    ...(link === '' ? [] : [element('link', { rel: 'alternate', type: 'text/html', href: link })]),
    ...categories.map((term) => element('category', { term })),
    element('content', { type: 'html' }, escapeMarkup(html)),
  ]
  return element('entry', {}, parts.join(''))
}
