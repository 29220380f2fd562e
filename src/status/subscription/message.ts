/** The texts that subscribers get, on each of the ways. Whatever is not ours in them is escaped. Pure. */
import { oneLine, type Post } from '../../alert/letter.ts'
import type { Letter } from '../../alert/mail.ts'
import { escapeSlack, slackMessage } from '../../alert/slack-message.ts'
import { webhookHeaders } from '../../alert/standard-webhook.ts'
import { escapeMarkup, wellFormed } from '../format/markup.ts'
import type { StatusView } from '../status-view.ts'
import type { NewsBody } from './news.ts'

type Page = StatusView['page']

/** To whom, and what only this one may know. */
export interface Envelope {
  readonly to: string
  /** The same at each try. */
  readonly id: string
  readonly unsubscribeUrl: string
  readonly from: string
  /** By which a webhook is signed. */
  readonly secret: string
}

const subjectLengthMax = 200

export function newsLetter(news: NewsBody, envelope: Envelope): Letter {
  const { page, title, state, text, more, link, components } = news
  const { unsubscribeUrl } = envelope
  const about = components.length === 0 ? [] : [`About: ${components.join(', ')}`]
  const head = `${state}: ${title}`
  const lines = [text, ...(more === '' ? [] : ['', more]), '', ...about, ...(link === '' ? [] : [link])]
  const html = [
    `<p><strong>${escapeMarkup(head)}</strong></p>`,
    paragraph(text),
    more === '' ? '' : paragraph(more),
    ...about.map(paragraph),
    link === '' ? '' : `<p><a href="${escapeMarkup(link)}">${escapeMarkup(page.name)}</a></p>`,
  ]
  const thread = `<thread.${news.thread.replace(/[^\w-]/g, '')}@${hostOf(envelope.from)}>`
  return {
    ...addressed(page.name, envelope),
    subject: subject(`[${page.name}] ${head}`),
    text: wellFormed([...lines, '', '-- ', `Unsubscribe: ${unsubscribeUrl}`].join('\n')),
    html: documentOf([...html, `<p><a href="${escapeMarkup(unsubscribeUrl)}">Unsubscribe</a></p>`]),
    headers: {
      'list-unsubscribe': `<${unsubscribeUrl}>`,
      // One click without a page in between (RFC 8058).
      'list-unsubscribe-post': 'List-Unsubscribe=One-Click',
      'list-id': `<status.${hostOf(envelope.from)}>`,
      // Programs for mail show what is told of one incident together.
      references: thread,
      'in-reply-to': thread,
    },
  }
}

/** Asks whether it was the receiver who asked. `chosen`: names of components; null for all. */
export function questionLetter(
  { name, url }: Page,
  chosen: readonly string[] | null,
  confirmUrl: string,
  envelope: Envelope,
): Letter {
  const what = chosen === null ? 'all incidents' : `incidents of ${oneLine(wellFormed(chosen.join(', ')))}`
  const asked = `Somebody, probably you, asked to be told by mail of ${what} at ${oneLine(wellFormed(name))} (${url}).`
  const ignore = 'If it was not you, do nothing: you will not hear from us again.'
  return {
    ...addressed(name, envelope),
    subject: subject(`[${name}] Please confirm that you want to be told of incidents`),
    text: [asked, '', 'Confirm:', confirmUrl, '', 'The link holds for two days.', ignore].join('\n'),
    html: documentOf([
      paragraph(asked),
      `<p><a href="${escapeMarkup(confirmUrl)}">Confirm</a> (the link holds for two days)</p>`,
      paragraph(ignore),
    ]),
    headers: {},
  }
}

/** The body is that of Statuspage's webhooks; what is ours stands under `type`, `timestamp` and `message`. */
export function newsWebhook(news: NewsBody, envelope: Envelope, nowMs: number): Post {
  const { page, kind, event, state, text, more } = news
  return webhookPost(
    {
      type: `${kind}.updated`,
      timestamp: new Date(news.atMs).toISOString(),
      meta: metaOf(page.url, envelope, news.atMs),
      page: { id: page.id, status_indicator: page.status.indicator, status_description: page.status.description },
      incident: event,
      message: { state, text, more },
    },
    envelope,
    nowMs,
  )
}

/** It wants `challenge` to be answered. */
export function questionWebhook(
  { id, url }: Page,
  challenge: string,
  envelope: Envelope,
  atMs: number,
  nowMs: number,
): Post {
  return webhookPost(
    {
      type: 'subscription.confirmation',
      timestamp: new Date(atMs).toISOString(),
      meta: metaOf(url, envelope, atMs),
      page: { id },
      challenge,
    },
    envelope,
    nowMs,
  )
}

export function newsSlack(news: NewsBody, { to, unsubscribeUrl }: Envelope): Post {
  const { title, state, text, more, link, components, isOver, page } = news
  const mark = isOver ? ':white_check_mark:' : news.kind === 'maintenance' ? ':wrench:' : ':rotating_light:'
  const head = escapeSlack(oneLine(`${page.name}: ${state}: ${title}`))
  const words = escapeSlack(wellFormed([text, more, components.join(', ')].filter((line) => line !== '').join('\n')))
  const links = [
    ...(link === '' ? [] : [slackLink(link, 'Status page')]),
    ...(unsubscribeUrl === '' ? [] : [slackLink(unsubscribeUrl, 'Unsubscribe')]),
  ]
  return slackMessage(to, `${mark} ${head}`, [
    `${mark} *${head}*`,
    words,
    ...(links.length === 0 ? [] : [links.join(' · ')]),
  ])
}

export function questionSlack({ name }: Page, { to, unsubscribeUrl }: Envelope): Post {
  const text = `This channel is told of incidents of ${escapeSlack(oneLine(name))} from now on.`
  return slackMessage(to, text, [unsubscribeUrl === '' ? text : `${text} ${slackLink(unsubscribeUrl, 'Unsubscribe')}`])
}

function addressed(name: string, { from, to, id }: Envelope): Pick<Letter, 'from' | 'to' | 'messageId'> {
  return {
    from: { name: oneLine(wellFormed(name)), address: from },
    to: [to],
    messageId: `<${id}@${hostOf(from)}>`,
  }
}

function metaOf(url: string, { unsubscribeUrl }: Envelope, atMs: number): object {
  return {
    unsubscribe: unsubscribeUrl,
    documentation: url === '' ? '' : `${url}/`,
    generated_at: new Date(atMs).toISOString(),
  }
}

function webhookPost(content: object, { to, id, secret }: Envelope, nowMs: number): Post {
  const body = JSON.stringify(content)
  return { url: to, headers: webhookHeaders({ id: `msg_${id}`, body, secret }, nowMs), body }
}

const slackLink = (url: string, words: string): string => `<${url.replace(/[<>|\s]/g, '')}|${words}>`

function subject(text: string): string {
  return [...oneLine(wellFormed(text))].slice(0, subjectLengthMax).join('')
}

const hostOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1)

const paragraph = (text: string): string => `<p>${escapeMarkup(text).replaceAll('\n', '<br>')}</p>`

function documentOf(parts: readonly string[]): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><body>${parts.join('')}</body></html>`
}
