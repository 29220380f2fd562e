/** What a clock gives out for a wait. */

/** A timer that can be taken back; disposing it twice does nothing. */
export interface Timer extends Disposable {
  cancel(): void
}
