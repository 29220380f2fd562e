/** Brings one message to one subscriber on the way that the subscriber chose. */
import { DeliveryError } from '../../alert/delivery-error.ts'
import type { Post } from '../../alert/letter.ts'
import type { Letter, MailLimits } from '../../alert/mail.ts'
import type { MailServerOptions } from '../../alert/mail-options.ts'
import type { PostLimits } from '../../alert/post.ts'
import { isLoopbackAddress, isPublicAddress } from '../../ground/public-address.ts'
import type { Delivery } from '../../store/subscription-store.ts'
import type { StatusView } from '../status-view.ts'
import {
  type Envelope,
  newsLetter,
  newsSlack,
  newsWebhook,
  questionLetter,
  questionSlack,
  questionWebhook,
} from './message.ts'
import type { NewsBody } from './news.ts'
import type { SubscriptionOptions } from './subscription-options.ts'
import { messageId, tokenOf, webhookSecret } from './subscription-token.ts'

export interface CarrierParts {
  readonly options: SubscriptionOptions
  readonly key: Buffer
  /** @throws {DeliveryError} */
  readonly mail: (letter: Letter, server: MailServerOptions, limits: MailLimits) => Promise<void>
  /** Gives what was answered. @throws {DeliveryError} */
  readonly post: (post: Post, limits: PostLimits) => Promise<string>
}

/** How much longer a mail server may take to say that it has taken a letter, and the most. */
const answerTimes = 30
const answerMsMax = 600_000

export type Carried = 'told' | 'asked' | 'confirmed'

export class Carrier {
  readonly #parts: CarrierParts

  constructor(parts: CarrierParts) {
    this.#parts = parts
  }

  /** `confirmed`: by its answer the subscriber has said that it wants to be told. @throws {DeliveryError} */
  async carry(
    delivery: Delivery,
    { page, components }: Pick<StatusView, 'page' | 'components'>,
    nowMs: number,
    signal: AbortSignal,
  ): Promise<Carried> {
    const envelope = this.#envelope(delivery, page)
    const news = delivery.key === null ? null : (JSON.parse(delivery.body) as NewsBody)
    switch (delivery.subscriber.channel) {
      case 'email':
        await this.#mail(
          news ? newsLetter(news, envelope) : this.#question(delivery, { page, components }, envelope),
          signal,
        )
        return news ? 'told' : 'asked'
      case 'slack':
        await this.#post(news ? newsSlack(news, envelope) : questionSlack(page, envelope), signal)
        // Whoever knows the address of such a webhook may write there.
        return news ? 'told' : 'confirmed'
      case 'webhook': {
        if (news) {
          await this.#post(newsWebhook(news, envelope, nowMs), signal)
          return 'told'
        }
        const challenge = tokenOf(this.#parts.key, 'confirm', delivery.subscriber.id)
        const asked = questionWebhook(page, challenge, envelope, delivery.madeMs, nowMs)
        if ((await this.#post(asked, signal)).includes(challenge)) return 'confirmed'
        throw new DeliveryError('it did not answer the challenge')
      }
    }
  }

  async #mail(letter: Letter, signal: AbortSignal): Promise<void> {
    const { options, mail } = this.#parts
    if (!options.mail) throw new DeliveryError('mail is not offered any more', { isOurs: true })
    const { timeoutMs } = options
    await mail(letter, options.mail, { timeoutMs, answerMs: Math.min(answerMsMax, answerTimes * timeoutMs), signal })
  }

  #question(
    { subscriber }: Delivery,
    { page, components }: Pick<StatusView, 'page' | 'components'>,
    envelope: Envelope,
  ): Letter {
    const confirmUrl = `${page.url}/confirm?token=${tokenOf(this.#parts.key, 'confirm', subscriber.id)}`
    const chosen = subscriber.components?.map((id) => components.find((each) => each.id === id)?.name ?? id) ?? null
    return questionLetter(page, chosen, confirmUrl, envelope)
  }

  #post(post: Post, signal: AbortSignal): Promise<string> {
    const { timeoutMs, localWebhooks } = this.#parts.options
    const isLocal = localWebhooks && post.url.startsWith('http:')
    return this.#parts.post(post, { timeoutMs, signal, isAllowed: isLocal ? isLoopbackAddress : isPublicAddress })
  }

  #envelope({ subscriber, key: news, madeMs }: Delivery, page: StatusView['page']): Envelope {
    const { key, options } = this.#parts
    const { id, address, secretId } = subscriber
    return {
      to: address,
      id: messageId(key, address, news ?? `question ${id} ${madeMs}`),
      unsubscribeUrl: page.url === '' ? '' : `${page.url}/unsubscribe?token=${tokenOf(key, 'unsubscribe', id)}`,
      from: options.mail?.from ?? '',
      secret: webhookSecret(key, secretId),
    }
  }
}
