/** What the controller and the inference worker say to each other. */

/** To the inference worker. */
export type Order =
  | { readonly kind: 'collect'; readonly iteration: number }
  | { readonly kind: 'deploy'; readonly url: string }
  | { readonly kind: 'leave' }

/** Samples of an iteration, labelled: files of those to train with, and of those to evaluate with. */
export type Collected = {
  readonly kind: 'collected'
  readonly iteration: number
  readonly trainPath: string
  readonly evalPath: string
  readonly samples: number
}

/** What came of an order to deploy. */
export type Deployed = { readonly kind: 'deployed'; readonly problem?: string }

/** From the evaluation worker: mean precision of both models. */
export type Evaluated = { readonly kind: 'evaluated'; readonly candidate: number; readonly deployed: number }
