import { type StackChild, startChild, waitUntilReady } from './child.ts'
import type { DataFolder } from './data-folder.ts'

/** What every part of the stack needs to start. */
export type Surroundings = {
  readonly data: DataFolder
  readonly env: Readonly<Record<string, string | undefined>>
  /** From `diesWithParent`. */
  readonly prefix: readonly string[]
  /** Ends the start half-way. */
  readonly signal: AbortSignal
}

/** One program of the stack. */
export type Part = {
  readonly name: string
  readonly command: readonly string[]
  readonly env?: Surroundings['env']
  readonly graceMs: number
  readonly isReady: () => Promise<boolean>
  readonly readyTimeoutMs: number
}

/** Starts a part, notes it in the data folder and waits until it is ready. @throws StackError with the end of its log, the part stopped */
export async function startPart(around: Surroundings, part: Part): Promise<StackChild> {
  const child = await startChild({
    name: part.name,
    command: part.command,
    env: part.env ?? around.env,
    logFile: around.data.logFile(part.name),
    graceMs: part.graceMs,
    prefix: around.prefix,
  })
  around.data.note(child)
  try {
    await waitUntilReady(child, part.isReady, { timeoutMs: part.readyTimeoutMs, signal: around.signal })
    return child
  } catch (error) {
    await child.stop()
    throw error
  }
}
