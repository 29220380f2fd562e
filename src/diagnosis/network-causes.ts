/** Causes between the gateway and the model servers: names, routes, firewalls, encryption, links. */
import { type Cause, clue, weight } from './cause.ts'
import type { CertificateTold } from '../observe/fact.ts'
import type { Scene } from './scene.ts'
import type { Server } from './server.ts'
import { hangTraits } from './traits.ts'
import { proxyPattern } from './wordings.ts'
import { culprits, has, ofAny, said, span } from './words.ts'

const { proof, strong, fair, hint, doubt, against } = weight
const network = { class: 'network', whose: 'network' } as const

export const networkCauses = {
  'name-not-resolved': {
    ...network,
    title: 'A name does not resolve',
    sentence: (scene) => `The name of ${culprits(scene)} could not be looked up`,
    cure: 'Check the host name in the upstream’s URL and the resolver of this machine (`getent hosts NAME`); an address in place of the name does without one.',
    explains: { HF_DNS_FAILED: strong, HF_DNS_TIMEOUT: strong, HF_NO_UPSTREAM: weight.none },
    clues: [
      clue(strong, (scene) => said(scene, /ENOTFOUND|EAI_|ENODATA|ESERVFAIL|ETIMEOUT|EREFUSED|lookup/)),
      clue(hint, (scene) => has(scene, 'HF_DNS_TIMEOUT') && 'the resolver did not answer in time'),
    ],
  },
  'host-unreachable': {
    ...network,
    title: 'Nothing answers at the address',
    sentence: (scene) =>
      `No connection to ${culprits(scene)} came up: a firewall drops the packets, or the host is off`,
    cure: 'Try the port from this machine (`nc -vz HOST PORT`); look at the firewall on both sides, and whether the host is up.',
    explains: {
      HF_CONNECT_TIMEOUT: strong,
      HF_NO_UPSTREAM: weight.none,
      HF_UPSTREAM_STALLED: weight.none,
      HF_FIRST_TOKEN_TIMEOUT: weight.none,
    },
    clues: [
      clue(fair, (scene) => said(scene, /after \d+ ms$|ETIMEDOUT/)),
      clue(
        strong,
        (scene) => has(scene, 'HF_UPSTREAM_STALLED', 'HF_FIRST_TOKEN_TIMEOUT') && hangTraits.unreachable(scene),
      ),
      clue(against, (scene) => said(scene, /^TLS handshake/) && 'the connection itself came up'),
      clue(
        against,
        (scene) =>
          has(scene, 'HF_UPSTREAM_STALLED', 'HF_FIRST_TOKEN_TIMEOUT') &&
          !hangTraits.unreachable(scene) &&
          'it had a connection, and connections came up afterwards',
      ),
      clue(against, (scene) =>
        ofAny(scene, ({ name, servedMeanwhile }) => servedMeanwhile > 0 && `${name} answered others meanwhile`),
      ),
    ],
  },
  'no-route': {
    ...network,
    title: 'No way through the network',
    sentence: (scene) => `The network has no route to ${culprits(scene)}`,
    cure: 'Check routes (`ip route get ADDRESS`), the interface, and rules that reject.',
    explains: { HF_NO_ROUTE: strong, HF_NO_UPSTREAM: weight.none },
    clues: [
      clue(strong, (scene) =>
        said(scene, /EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EACCES|EINVAL|EADDRNOTAVAIL|EPERM/),
      ),
    ],
  },
  'bad-certificate': {
    ...network,
    whose: 'operator',
    title: 'A certificate that is not trusted',
    sentence: (scene) => {
      const why = ofAny(scene, (server) => expiryWords(server, scene))
      return `${culprits(scene)} showed a certificate that cannot be trusted${why ? `: ${why}` : ''}`
    },
    cure: 'Renew the certificate, correct the host name in the URL, or give its authority to the gateway (NODE_EXTRA_CA_CERTS).',
    explains: { HF_TLS_CERTIFICATE: proof, HF_NO_UPSTREAM: weight.none },
    clues: [
      clue(strong, (scene) => said(scene, /CERT|SELF_SIGNED|UNABLE_TO|HOSTNAME|ALTNAME/)),
      clue(strong, (scene) => ofAny(scene, (server) => expiryWords(server, scene))),
    ],
  },
  'tls-handshake': {
    ...network,
    title: 'The encrypted connection failed',
    sentence: (scene) => `No encrypted connection with ${culprits(scene)} came about`,
    cure: 'Check that the upstream really speaks TLS on that port (`openssl s_client -connect HOST:PORT`), and its versions.',
    explains: { HF_TLS_FAILED: strong, HF_NO_UPSTREAM: weight.none, HF_CONNECT_TIMEOUT: weight.none },
    clues: [
      clue(strong, (scene) => said(scene, /SSL|TLS|EPROTO|alert|wrong version/i)),
      clue(
        against,
        (scene) =>
          has(scene, 'HF_CONNECT_TIMEOUT') && !said(scene, /^TLS handshake/) && 'it did not come to a handshake',
      ),
      clue(
        doubt,
        (scene) => has(scene, 'HF_CONNECT_TIMEOUT') && hangTraits.handshakeSilent(scene) && 'it shook hands before',
      ),
    ],
  },
  'link-broken': {
    ...network,
    title: 'The connection broke, the server lives',
    sentence: (scene) =>
      `The connection to ${culprits(scene)} broke while the server went on: the link, or something between, cut it`,
    cure: 'Look at what lies between (load balancer, proxy, NAT): idle limits, restarts, packet loss.',
    explains: { HF_UPSTREAM_CUT: fair, HF_UPSTREAM_RESET: hint },
    clues: [
      clue(strong, (scene) =>
        ofAny(
          scene,
          (server) =>
            server.servedMeanwhile > 0 && `${server.name} answered ${server.servedMeanwhile} other calls meanwhile`,
        ),
      ),
      clue(fair, (scene) =>
        ofAny(
          scene,
          (server) =>
            server.servedAfter(10_000) > 0 &&
            !server.isGoneAfter(10_000) &&
            `${server.name} was there right afterwards`,
        ),
      ),
      clue(against, (scene) =>
        ofAny(scene, (server) => server.isGoneAfter(10_000) && `${server.name} could not be reached afterwards`),
      ),
      clue(doubt, (scene) => said(scene, /reused connection/)),
      clue(against, (scene) => said(scene, /without a finish reason|before any content/)),
    ],
  },
  'proxy-page': {
    ...network,
    title: 'A proxy between answered in the server’s place',
    sentence: (scene) => `A proxy before ${culprits(scene)} answered with a page of its own`,
    cure: 'Look at the log of that proxy: it could not reach the model server, or gave up on it.',
    explains: {
      HF_UPSTREAM_ERROR: hint,
      HF_FIRST_TOKEN_TIMEOUT: weight.doubt,
      HF_UPSTREAM_GARBLED: hint,
      HF_UPSTREAM_BUSY: weight.doubt,
      HF_UPSTREAM_KEY_REFUSED: weight.doubt,
      HF_UPSTREAM_RATE_LIMITED: weight.doubt,
      HF_CALL_REFUSED: weight.doubt,
    },
    clues: [clue(proof, (scene) => said(scene, proxyPattern)), clue(against, (scene) => said(scene, /status 404/))],
  },
} as const satisfies Record<string, Cause>

/** What is wrong with the certificate that a server showed last; null where that is not known. */
function expiryWords({ news }: Server, { endedMs }: Scene): string | null {
  const shown: CertificateTold | null =
    news.map((fact) => (fact.kind === 'upstream' ? fact.certificate : null)).findLast((told) => told !== null) ?? null
  if (!shown) return null
  const { subject, issuer, notBeforeMs, notAfterMs } = shown
  if (notAfterMs < endedMs) return `the one for ${subject} expired ${span(endedMs - notAfterMs)} before`
  if (notBeforeMs > endedMs) return `the one for ${subject} is valid only in ${span(notBeforeMs - endedMs)}`
  return `the one for ${subject} is signed by ${issuer}`
}
