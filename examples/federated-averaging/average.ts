/** What a node made of the global model in one round. */
export type Update = {
  readonly node: string
  readonly samples: number
  /** Mean loss over its samples while it trained. */
  readonly loss: number
  readonly parameters: Float32Array
}

/** Federated averaging: the mean of the parameters, each node's weighted by its samples. @throws when there is no update */
export function averageOf(updates: readonly Update[]): { readonly parameters: Float32Array; readonly loss: number } {
  const [first] = updates
  if (first === undefined) throw new Error('there is nothing to average')
  const parameters = new Float32Array(first.parameters.length)
  const total = updates.reduce((sum, { samples }) => sum + samples, 0)
  let loss = 0
  for (const update of updates) {
    const share = update.samples / total
    loss += share * update.loss
    for (let at = 0; at < parameters.length; at++) {
      parameters[at] = (parameters[at] ?? 0) + share * (update.parameters[at] ?? 0)
    }
  }
  return { parameters, loss }
}
