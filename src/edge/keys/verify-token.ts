/** Verifies tokens of one identity provider, by its public keys. The only file that knows of `jose`. */
import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTVerifyGetKey } from 'jose'
import type { Clock } from '../../ground/clock.ts'
import { TokenError, type Verify } from './token-desk.ts'
import type { UserOptions } from './user-options.ts'

/** What anybody who knows the public key could make himself is not taken. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
/** Clocks differ. */
const toleranceSeconds = 30
/** A token may be taken for so long, whatever it says itself: its provider may want it back. */
const tokenMsMax = 3_600_000
/** Keys are asked for again after so long, and for a key that is not known at most so often. */
const keysMs = 600_000
const pauseMs = 30_000
/** Of what a provider says of itself, more than this is not read. */
const answerBytesMax = 256 * 1024

export function verifierOf(options: UserOptions, clock: Clock): Verify {
  const { issuer, audience, userClaim } = options
  let keys: Promise<JWTVerifyGetKey> | null = null
  return async (token) => {
    keys ??= keysOf(options).catch((error: unknown) => {
      keys = null
      throw error
    })
    const claims = await verified(token, await keys, { issuer, audience, currentDate: new Date(clock.nowMs()) })
    const user = claims[userClaim]
    if (typeof user !== 'string' || user === '') throw new TokenError(`the token has no claim ${userClaim}`)
    const endsMs = (Number(claims['exp']) + toleranceSeconds) * 1000
    return { user, endsMs: Math.min(endsMs, clock.nowMs() + tokenMsMax) }
  }
}

async function verified(
  token: string,
  keys: JWTVerifyGetKey,
  expected: { readonly issuer: string; readonly audience: string; readonly currentDate: Date },
): Promise<Readonly<Record<string, unknown>>> {
  try {
    const rules = { ...expected, algorithms, clockTolerance: toleranceSeconds, requiredClaims: ['exp'] }
    return (await jwtVerify(token, keys, rules)).payload
  } catch (error) {
    throw isOfToken(error) ? new TokenError(wordsOf(error)) : error
  }
}

/** That its keys cannot be had says nothing of the token. */
function isOfToken(error: unknown): error is errors.JOSEError {
  const others = [errors.JWKSTimeout, errors.JWKSInvalid]
  if (!(error instanceof errors.JOSEError) || others.some((kind) => error instanceof kind)) return false
  return error.code !== 'ERR_JOSE_GENERIC'
}

function wordsOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'the time of the token is over'
  if (error instanceof errors.JWTClaimValidationFailed)
    return `the token is not for here: its ${error.claim} is another`
  return 'the token is not signed by its issuer, or in a way that is not taken'
}

async function keysOf({ issuer, jwksUrl, askMs }: UserOptions): Promise<JWTVerifyGetKey> {
  const url = jwksUrl ?? (await discover(issuer, askMs))
  const fetchKeys = async (from: string, init: RequestInit): Promise<Response> => {
    const answer = await fetch(from, init)
    return answer.status === 200 ? new Response(await textOf(answer)) : answer
  }
  const times = { timeoutDuration: askMs, cooldownDuration: pauseMs, cacheMaxAge: keysMs }
  return createRemoteJWKSet(new URL(url), { ...times, [customFetch]: fetchKeys })
}

/** OpenID Connect Discovery 1.0, section 4. */
async function discover(issuer: string, askMs: number): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const answer = await fetch(url, { signal: AbortSignal.timeout(askMs), redirect: 'error' })
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`)
  const told = JSON.parse(await textOf(answer)) as { issuer?: unknown; jwks_uri?: unknown } | null
  if (told?.issuer !== issuer) throw new Error(`${url} speaks for another issuer`)
  if (typeof told.jwks_uri !== 'string' || !URL.canParse(told.jwks_uri)) throw new Error(`${url} names no keys`)
  return told.jwks_uri
}

/** Leaving the loop ends the connection. */
async function textOf(answer: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of answer.body ?? []) {
    bytes += piece.length
    if (bytes > answerBytesMax) throw new Error(`${answer.url} answers with more than ${answerBytesMax} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}
