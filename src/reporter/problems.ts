/** Something the engine's author should know. Told once per code; later ones are only counted. */
export type Problem = {
  /** Bounded set of words, e.g. `UNREACHABLE`, `REPORT_INVALID`, `ARGUMENT_INVALID`. */
  readonly code: string
  readonly message: string
}

const codesMax = 64

/** Counts problems by code and tells the author of each code once. Nothing the hook does reaches the engine. */
export class Problems {
  readonly #counts = new Map<string, number>()
  readonly #hook: (problem: Problem) => void

  constructor(hook: ((problem: Problem) => void) | undefined) {
    this.#hook = typeof hook === 'function' ? hook : warn
  }

  tell(code: string, message: string): void {
    const known = this.#counts.get(code)
    if (known === undefined && this.#counts.size >= codesMax && code !== 'OTHER') {
      this.tell('OTHER', message)
      return
    }
    this.#counts.set(code, (known ?? 0) + 1)
    if (known === undefined) this.#call(code, message)
  }

  /** Tells of a problem also where its code was told before; the caller sees to it that this is rare. */
  tellAgain(code: string, message: string): void {
    const isKnown = this.#counts.has(code)
    this.tell(code, message)
    if (isKnown) this.#call(code, message)
  }

  /** Runs what the engine called; a fault of ours is counted and never thrown into the engine. */
  guard<T>(work: () => T, otherwise: T): T {
    try {
      return work()
    } catch (error) {
      this.tell('INTERNAL', `the reporter failed: ${textOf(error)}`)
      return otherwise
    }
  }

  #call(code: string, message: string): void {
    try {
      this.#hook({ code, message })
    } catch {
      this.#counts.set('HOOK_THREW', (this.#counts.get('HOOK_THREW') ?? 0) + 1)
    }
  }

  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts)
  }
}

/** Words for anything that can be thrown. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return safeText(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const text = error.message === '' ? (code ?? error.name) : error.message
  return code !== undefined && !text.includes(code) ? `${code} ${text}` : text
}

function safeText(value: unknown): string {
  try {
    return String(value)
  } catch {
    return 'something that has no text'
  }
}

function warn(problem: Problem): void {
  process.emitWarning(problem.message, { type: 'EnginescopeWarning', code: problem.code })
}
