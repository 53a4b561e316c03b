/** Fetches the messages of runtimes that cannot push, and turns them into reports. */

/** `<epoch>-<number>`: 13 digits of milliseconds, 10 digits; the order of the text is the order of publishing. */
const form = /^(\d{13})-(\d{10})$/

/** An id taken apart. */
export type MessageId = { readonly epoch: string; readonly number: number }

export const isEpoch = (text: unknown): text is string => typeof text === 'string' && /^\d{13}$/.test(text)

/** @returns `undefined` for what is no id */
export function readMessageId(text: unknown): MessageId | undefined {
  const found = typeof text === 'string' ? form.exec(text) : null
  return found === null ? undefined : { epoch: found[1] ?? '', number: Number(found[2]) }
}

export function messageIdText({ epoch, number }: MessageId): string {
  return `${epoch}-${String(number).padStart(10, '0')}`
}

/** Number of an id; 0 before the first message. */
export function numberOf(id: string | null): number {
  return id === null ? 0 : (readMessageId(id)?.number ?? 0)
}

/** After every real message of its epoch: position of what the monitor itself adds. */
export const afterAll = (epoch: string): string => `${epoch}-9999999999`
