/** What the page asks of its server, and what the tabs of one browser tell each other. */

/** The server answered, and said no. */
export class Refused extends Error {}

/** A fetch that throws what the server says when it refuses. */
export async function request(url, init) {
  const response = await fetch(url, init)
  if (response.ok) return response
  const { message } = await response.json().catch(() => ({ message: `The server answered ${response.status}.` }))
  throw new Refused(message)
}

export async function getJson(url) {
  return await (await request(url)).json()
}

/** Carries the id of a chat in which something has changed. */
export const channel = new BroadcastChannel('resumable-chat')

export function tellTabs(id) {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel is of one origin already
  channel.postMessage(id)
}
