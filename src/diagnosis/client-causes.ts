/** Causes on the caller's side: what it asked, how it asked, and how long it stayed. */
import { type Cause, clue, weight } from './cause.ts'
import { proxyPattern } from './wordings.ts'
import { has, offeredBefore, said, span } from './words.ts'

const { proof, strong, hint, none, against } = weight
const client = { class: 'client', whose: 'client' } as const

export const clientCauses = {
  'client-left': {
    ...client,
    title: 'The caller left',
    sentence: ({ call, client: facts }) => {
      const afterMs = call && facts.length === 0 ? call.durationMs : 0
      return `The caller closed its connection before the answer was whole${afterMs > 0 ? `, after ${span(afterMs)}` : ''}`
    },
    cure: 'Nothing to do, unless callers leave since answers are slow: compare with their timeout.',
    explains: { HF_CLIENT_GONE: proof, READER_LEFT: proof },
    clues: [
      clue(
        hint,
        ({ call }) => call !== null && call.firstTokenMs === null && `nothing had come within ${span(call.durationMs)}`,
      ),
      clue(hint, (scene) => said(scene, /./)),
    ],
  },
  'slow-reader': {
    ...client,
    title: 'The caller did not read',
    sentence: () => 'The caller took nothing of its answer for too long and was let go; the answer itself went on',
    cure: 'Look at the client: it stopped reading, or its link is dead. `limits.stalledReaderMs` says how long it may.',
    explains: { READER_STALLED: proof, HF_CLIENT_GONE: none, READER_LEFT: none },
    clues: [clue(strong, (scene) => has(scene, 'READER_STALLED') && 'its connection was full, and nothing was taken')],
  },
  cancelled: {
    ...client,
    title: 'It was cancelled',
    sentence: () => 'Its owner cancelled this answer',
    cure: 'Nothing to do.',
    explains: { HF_CANCELLED: proof },
    clues: [],
  },
  'bad-request': {
    ...client,
    title: 'The request is wrong',
    sentence: (scene) => {
      const what = scene.call?.detail
      return `The request itself is wrong${what ? `: ${what.slice(0, 200)}` : ''}`
    },
    cure: 'Correct the client; the message of the error names the field or the limit.',
    explains: {
      ...{ HF_BAD_JSON: proof, HF_BAD_CALL: proof, HF_BAD_HTTP: proof, HF_MEDIA_TYPE: proof, HF_BODY_TOO_LARGE: proof },
      ...{ HF_HEADERS_TOO_LARGE: proof, HF_BODY_TIMEOUT: strong, HF_CALL_REFUSED: proof, HF_KEY_REUSED: proof },
      ...{ HF_CURSOR_INVALID: proof, HF_NOT_RESUMABLE: proof, HF_STREAM_REQUEST: proof, HF_STREAM_CONFLICT: proof },
      ...{ HF_STREAM_CLOSED: proof, HF_STREAM_EXISTS: proof, HF_STREAM_READ_ONLY: proof, HF_STREAM_FENCED: proof },
    },
    clues: [
      clue(hint, (scene) => said(scene, /./)),
      clue(against, (scene) => has(scene, 'HF_CALL_REFUSED') && said(scene, proxyPattern)),
    ],
  },
  'slow-sender': {
    ...client,
    title: 'The request came too slowly',
    sentence: () => 'The request was not complete in time: a very slow link, or a client that stopped sending',
    cure: 'Look at the client; raise `limits.requestMs` if such links are expected.',
    explains: { HF_BODY_TIMEOUT: proof },
    clues: [],
  },
  'unknown-name': {
    ...client,
    title: 'What was asked for is not there',
    sentence: ({ call }) =>
      call?.code === 'HF_MODEL_UNKNOWN'
        ? `The model “${call.model.slice(0, 100)}” is not offered here`
        : 'There is nothing under the address or id that was asked for',
    cure: 'GET /v1/models lists what is offered; the base URL of OpenAI clients ends in /v1.',
    explains: {
      ...{ HF_MODEL_UNKNOWN: proof, HF_ROUTE_UNKNOWN: proof, HF_METHOD_UNKNOWN: proof, HF_ANSWER_UNKNOWN: proof },
      ...{ HF_ANSWER_EXPIRED: proof, HF_STREAM_UNKNOWN: proof, HF_STREAM_GONE: proof },
      ...{ HF_PAGE_UNKNOWN: proof, HF_RANGE_UNKNOWN: proof, HF_CHANGED: proof, HF_NOT_KEPT: proof },
    },
    clues: [clue(hint, (scene) => said(scene, /./)), clue(against, offeredBefore)],
  },
  'address-refused': {
    ...client,
    title: 'The caller’s address may not ask',
    sentence: (scene) => `Requests from ${scene.call?.detail.slice(0, 64) || 'this address'} are not taken here`,
    cure: 'Ask from a network that may, or change `access.allow` and `access.deny`; behind a proxy, name it in `access.trustedProxies`.',
    explains: { HF_ADDRESS_REFUSED: proof, HF_ADDRESS_RATE: proof },
    clues: [],
  },
  'unproven-visitor': {
    ...client,
    title: 'The visitor has not shown a proof of work',
    sentence: () => 'Visitors without a key were asked for a proof of work just then, and this one had not done it',
    cure: 'Open the page in a browser with JavaScript and cookies, or send a key; for addresses that programs call set `challenge: false` at their route.',
    explains: { HF_CHALLENGE: proof },
    clues: [],
  },
  'stream-full': {
    ...client,
    title: 'The durable stream is full',
    sentence: (scene) => {
      const what = scene.call?.detail
      return `With this the durable stream would be larger than it may be${what ? `: ${what.slice(0, 200)}` : ''}`
    },
    cure: 'Go on in a new stream, or raise `streams.streamBytesMax` or the limit that the message names.',
    explains: { HF_STREAM_FULL: proof },
    clues: [],
  },
  'caller-key': {
    ...client,
    title: 'The caller’s key is not good for this',
    sentence: (scene) =>
      has(scene, 'HF_MODEL_FORBIDDEN')
        ? 'The caller’s key may not use this model'
        : has(scene, 'HF_KEY_REVOKED')
          ? 'The caller’s key has been revoked, or its time is over'
          : 'The caller sent no key, or one that is not known here',
    cure: 'Send `authorization: Bearer …` or `x-api-key: …` with a key from the configuration that may use the model.',
    explains: { HF_KEY_UNKNOWN: proof, HF_KEY_REVOKED: proof, HF_MODEL_FORBIDDEN: proof },
    clues: [
      clue(hint, (scene) => said(scene, /key/)),
      clue(against, (scene) => said(scene, /quota of the key/) && 'the key is good, its quota is not'),
    ],
  },
} as const satisfies Record<string, Cause>
