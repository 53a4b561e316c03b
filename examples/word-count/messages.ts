/** What the coordinator and its workers say to each other. */
import type { Text } from './texts.ts'

/** Work for one worker. */
export type Order =
  | { readonly kind: 'map'; readonly id: string; readonly texts: readonly Text[]; readonly spills: readonly string[] }
  | { readonly kind: 'reduce'; readonly id: string; readonly spills: readonly string[] }

/** What came of it. */
export type Answer =
  | { readonly kind: 'done'; readonly id: string; readonly words: number; readonly top: readonly (readonly [string, number])[] }
  | { readonly kind: 'failed'; readonly id: string; readonly message: string }
