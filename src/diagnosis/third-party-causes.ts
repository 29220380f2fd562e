/** Causes at providers, and in our dealings with them. */
import { type Cause, clue, weight } from './cause.ts'
import type { Scene } from './scene.ts'
import { failedAlike, isPaid } from './traits.ts'
import { proxyPattern } from './wordings.ts'
import { culprits, inRow, ofAll, said } from './words.ts'

const { proof, strong, fair, hint, none, against } = weight
const thirdParty = { class: 'third-party', whose: 'third-party' } as const

export const thirdPartyCauses = {
  'provider-rate-limit': {
    ...thirdParty,
    title: 'The provider limits our rate',
    sentence: (scene) => `${culprits(scene)} takes no more requests from this gateway for the moment`,
    cure: 'Raise the limit at the provider, or spread the load over more keys or providers.',
    explains: { HF_UPSTREAM_RATE_LIMITED: proof },
    clues: [
      clue(fair, (scene) => said(scene, /status 429|rate/i)),
      clue(hint, ({ others, servers }) => {
        const names = new Set(servers.map(({ name }) => name))
        const count = others
          .flatMap(({ attempts }) => attempts)
          .filter(({ code, upstream }) => code === 'HF_UPSTREAM_RATE_LIMITED' && names.has(upstream)).length
        return count > 0 && `${count} other attempts were told the same in those minutes`
      }),
    ],
  },
  'provider-outage': {
    ...thirdParty,
    title: 'The provider fails as a whole',
    sentence: (scene) => `The provider behind ${culprits(scene)} fails, whichever key or region is asked`,
    cure: 'See the provider’s status page; another provider in the pool, at a higher `priority`, carries such hours.',
    explains: {
      HF_UPSTREAM_ERROR: fair,
      HF_UPSTREAM_BUSY: fair,
      HF_CONNECT_TIMEOUT: none,
      HF_FIRST_TOKEN_TIMEOUT: none,
    },
    clues: [
      clue(strong, (scene) => {
        const alike = failedAlike(scene)
        return alike && allPaid(scene) && `${alike}, keys or regions of one provider, failed in the same way`
      }),
      clue(fair, (scene) => allPaid(scene) && `${culprits(scene)}: paid for, and run by somebody else`),
      clue(strong, (scene) => alikeElsewhere(scene)),
      clue(against, (scene) => !allPaid(scene) && 'these are servers of our own, as far as is known'),
    ],
  },
  'identity-provider-away': {
    ...thirdParty,
    title: 'The identity provider cannot be asked',
    sentence: () => 'The identity provider could not be asked for the keys by which tokens of users are verified',
    cure: 'See whether it answers (`users[].issuer`, `users[].jwksUrl`). Users who are known stay so for up to an hour; keys go on to work.',
    explains: { HF_TOKEN_UNVERIFIED: proof },
    clues: [clue(hint, (scene) => said(scene, /./))],
  },
  'quota-spent': {
    ...thirdParty,
    whose: 'operator',
    title: 'The account at the provider is empty',
    sentence: (scene) => `The quota or the credit of our account at ${culprits(scene)} is used up`,
    cure: 'Pay, or raise the quota of the account that this upstream’s key belongs to; or give it more `keys`.',
    explains: { HF_UPSTREAM_QUOTA_SPENT: proof },
    clues: [clue(hint, (scene) => said(scene, /quota|credit|billing|402/i))],
  },
  'key-refused': {
    ...thirdParty,
    whose: 'operator',
    title: 'The gateway’s own key was refused',
    sentence: (scene) => `${culprits(scene)} refused the gateway’s key: it is wrong, expired or withdrawn`,
    cure: 'Renew the key of this upstream, or correct the environment variable that holds it.',
    explains: { HF_UPSTREAM_KEY_REFUSED: proof },
    clues: [clue(hint, (scene) => said(scene, /status 40[13]/)), clue(against, (scene) => said(scene, proxyPattern))],
  },
} as const satisfies Record<string, Cause>

function allPaid(scene: Scene): boolean {
  return ofAll(scene, 1, isPaid)
}

/** Other upstreams of the same provider that failed other calls in the same way in that minute. */
function alikeElsewhere({ servers, allServers, endedMs }: Scene): string | null {
  const codes = new Set(servers.flatMap(({ own }) => own.map(({ attempt: { code } }) => code)))
  const kinds = new Set(servers.map(({ place }) => place?.kind))
  const alike = allServers.filter(
    (server) =>
      !servers.includes(server) &&
      server.place !== null &&
      kinds.has(server.place.kind) &&
      server.others.some(
        ({ attempt: { code }, endedMs: atMs }) => code !== null && codes.has(code) && Math.abs(atMs - endedMs) < 60_000,
      ),
  )
  return alike.some(isPaid)
    ? `${inRow(alike.map(({ name }) => name))} failed other calls in the same way in that minute`
    : null
}
