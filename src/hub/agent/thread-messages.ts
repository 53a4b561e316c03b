/** What an agent and the thread that runs its algorithm say to each other. */
import type { DMData } from '../model/data.ts'

/** Handed to the thread when it is made. */
export type ThreadData = { readonly moduleUrl: string }

export type ToThread =
  | { readonly kind: 'run'; readonly model: DMData; readonly input: Readonly<Record<string, DMData>> }
  | { readonly kind: 'abort'; readonly reason: string }

export type FromThread =
  /** The module is there; `algorithm` as it exports it. */
  | { readonly kind: 'loaded'; readonly algorithm: unknown }
  /** The module cannot be used. */
  | { readonly kind: 'unusable'; readonly message: string }
  | { readonly kind: 'log'; readonly level: string; readonly line: string }
  | { readonly kind: 'warning'; readonly line: string }
  | { readonly kind: 'progress'; readonly ratio: number }
  | { readonly kind: 'done'; readonly output: unknown }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly isRetryable: boolean }
