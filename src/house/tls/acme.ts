/**
 * Has a certificate issued by ACME (RFC 8555). The one file that knows the library, which is loaded when the first
 * order is placed, in the supervisor, where nobody waits for it.
 */
import { Agent } from 'node:https'
import type { Client } from 'acme-client'
import type { CertificatePair, Challenges } from '../../edge/tls/tls-material.ts'

/** What proves that a name is ours. */
export type ChallengeType = 'http-01' | 'tls-alpn-01'

/** Ours, at the authority. */
export interface Account {
  /** PEM. */
  readonly key: string
  /** Null until the authority knows it. */
  readonly url: string | null
}

export interface AcmeOrder {
  readonly directoryUrl: string
  readonly names: readonly string[]
  readonly email: string | undefined
  readonly account: Account
  /** By which the authority knows whose account it is, where it wants to (RFC 8555, section 7.3.4). */
  readonly binding: { readonly kid: string; readonly hmacKey: string } | undefined
  /** Authorities to trust at its directory, PEM; left out, the well-known ones. */
  readonly ca: string | undefined
  /** The first that the authority offers is used. */
  readonly types: readonly ChallengeType[]
  /** The certificate whose place it takes (RFC 9773, section 5); null where the authority does not care. */
  readonly replaces: string | null
  /** Shows the world these proofs; resolves when everybody who may be asked for them has them. */
  readonly prove: (challenges: Challenges) => Promise<void>
  /** The authority knows the account by this name from now on. */
  readonly onAccount: (url: string) => void
}

/** For each question to the authority. */
const requestMs = 30_000
/** So often a question is put again with the nonce that came with its refusal (RFC 8555, section 6.5). */
const nonceRetries = 20
/** The authority is asked for a verdict so often, with pauses from one to ten seconds. */
const looks = { backoffAttempts: 15, backoffMin: 1000, backoffMax: 10_000 }

export async function newAccountKey(): Promise<string> {
  const { crypto } = await import('acme-client')
  return (await crypto.createPrivateEcdsaKey('P-256')).toString()
}

/** @throws {Error} in the authority's words. */
export async function issue(order: AcmeOrder): Promise<Pick<CertificatePair, 'cert' | 'key'>> {
  const { axios, Client: AcmeClient, crypto } = await import('acme-client')
  axios.defaults.timeout = requestMs
  axios.defaults.httpsAgent = new Agent(order.ca === undefined ? {} : { ca: order.ca })
  const client = new AcmeClient({
    directoryUrl: order.directoryUrl,
    accountKey: order.account.key,
    ...(order.account.url !== null && { accountUrl: order.account.url }),
    ...(order.binding && { externalAccountBinding: order.binding }),
    ...looks,
  })
  // The library gives up after five, and has no setting for it.
  const { http } = client as unknown as { readonly http?: { maxBadNonceRetries: number } }
  if (http) http.maxBadNonceRetries = nonceRetries
  if (order.replaces !== null) {
    const { replaces } = order
    const create = client.createOrder.bind(client)
    client.createOrder = (data) => create({ ...data, replaces } as typeof data)
  }
  const proofs = new Proofs(order.prove)
  const altNames = [...order.names]
  const [key, csr] = await crypto.createCsr({ altNames }, await crypto.createPrivateEcdsaKey('P-256'))
  try {
    await enrol(client, order)
    const cert = await client.auto({
      csr,
      challengePriority: [...order.types],
      // It would ask at fixed ports, and from within.
      skipChallengeVerification: true,
      challengeCreateFn: async (authorization, challenge, answer) => {
        if (challenge.type === 'http-01') return await proofs.answer(challenge.token, answer)
        if ((challenge.type as string) !== 'tls-alpn-01') throw new Error(`the authority wants ${challenge.type}`)
        const [proofKey, proof] = await crypto.createAlpnCertificate(authorization, answer)
        const names = [authorization.identifier.value]
        await proofs.show({ names, cert: proof.toString(), key: proofKey.toString() })
      },
      challengeRemoveFn: async () => {},
    })
    return { cert, key: key.toString() }
  } finally {
    await proofs.end()
  }
}

/** Makes the account known to the authority, once. */
async function enrol(client: Client, { account, email, onAccount }: AcmeOrder): Promise<void> {
  if (account.url !== null) return
  try {
    const contact = email === undefined ? {} : { contact: [`mailto:${email}`] }
    await client.createAccount({ termsOfServiceAgreed: true, ...contact })
  } catch (error) {
    // One that is known by its key has a name now, though the library then updates it with nothing, which some refuse.
    if (!hasName(client)) throw error
  }
  onAccount(client.getAccountUrl())
}

function hasName(client: Client): boolean {
  try {
    return client.getAccountUrl() !== ''
  } catch {
    return false
  }
}

/** What is shown of an order: names are proved side by side. */
class Proofs {
  #prove: AcmeOrder['prove']
  #http: Record<string, string> = {}
  #alpn: CertificatePair[] = []

  constructor(prove: AcmeOrder['prove']) {
    this.#prove = prove
  }

  answer(token: string, answer: string): Promise<void> {
    this.#http = { ...this.#http, [token]: answer }
    return this.#told()
  }

  show(pair: CertificatePair): Promise<void> {
    this.#alpn = [...this.#alpn, pair]
    return this.#told()
  }

  end(): Promise<void> {
    this.#http = {}
    this.#alpn = []
    return this.#told()
  }

  #told(): Promise<void> {
    return this.#prove({ http: this.#http, alpn: this.#alpn })
  }
}
