/** What a monitor fetches from: the messages of one run of a program, kept in bounded logs and served over HTTP. */

/** Where a message stands in its topic. */
export type MessagePlace = { readonly epoch: string; readonly number: number }

const shape = /^(\d{13})-(\d{10})$/

/** The id of a message: `<epoch>-<10 digits>`, so that ids sort as texts in the order of publishing. */
export function messageIdOf(epoch: string, number: number): string {
  return `${epoch}-${String(number).padStart(10, '0')}`
}

/** Reads an id back; undefined where the text is none. */
export function placeOf(id: string): MessagePlace | undefined {
  const [, epoch, digits] = shape.exec(id) ?? []
  return epoch === undefined ? undefined : { epoch, number: Number(digits) }
}
