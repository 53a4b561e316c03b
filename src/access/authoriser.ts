/** Who may come in: tokens, roles, namespaces. */
import { timingSafeEqual } from 'node:crypto'
import { statSync } from 'node:fs'
import { ScopeError } from '../errors.ts'
import { type AuthFault, readAuthFile } from './auth-file.ts'
import { type FailureLimit, failureLimit } from './failure-limit.ts'
import { hashOfToken, type Role, type TokenEntry } from './token.ts'

/** Who sent a request, and what it may reach. */
export type Visitor = { readonly name: string; readonly role: Role; readonly namespaces: '*' | ReadonlySet<string> }

/** What came of reading the auth file again: the tokens now in force, or why the old ones stay in force. */
export type ReloadResult = { readonly tokens: number } | { readonly faults: readonly AuthFault[] }

export type AuthoriserOptions = {
  /** File of tokens; without it everybody may do everything. */
  readonly file?: string | undefined
  /** Told of every reload after the first reading. */
  readonly onReload?: (result: ReloadResult) => void
  /** How often the file is looked at, 2 s by default. A broken new file keeps the old tokens. */
  readonly watchIntervalMs?: number
  /** Wrong tokens of one address a second that are answered with 401, the rest with 429; 10 by default. */
  readonly failuresPerSecondMax?: number
  /** Monotonic clock in milliseconds. */
  readonly nowMs?: () => number
}

const everybody: Visitor = { name: 'anyone', role: 'admin', namespaces: '*' }
const tokenLengthMax = 1024

/** The auth file has faults and there are no older tokens to keep. */
export class AuthFileError extends Error {
  override readonly name = 'AuthFileError'
  readonly faults: readonly AuthFault[]

  constructor(faults: readonly AuthFault[]) {
    super(faults.map(({ source, message }) => `${source}: ${message}`).join('\n'))
    this.faults = faults
  }
}

/** `undefined` for a header that is not there or is not of the Bearer scheme. */
function bearerToken(authorization: string | undefined): string | undefined {
  const found = /^bearer +([^\s]+) *$/i.exec(authorization ?? '')
  return found?.[1]
}

// Taken before each reading, so that a change during the reading is seen at the next look. (fs.watchFile misses what changes
// before its own first look.) Follows links: Kubernetes changes a mounted file by changing a link.
function stampOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? 'absent' : `${stat.ino}/${stat.size}/${stat.mtimeNs}`
}

/** Whether a token of one role may do what needs another. */
function roleSuffices(role: Role, needed: Role): boolean {
  return role === needed || role === 'admin'
}

/** Checks tokens against the auth file, which is read again when it changes. */
export class Authoriser {
  readonly #file: string | undefined
  readonly #onReload: (result: ReloadResult) => void
  readonly #failures: FailureLimit
  readonly #timer: NodeJS.Timeout | undefined
  #stamp = ''
  #byHash: ReadonlyMap<string, TokenEntry> = new Map()

  /** @throws AuthFileError when the file cannot be used. */
  constructor(options: AuthoriserOptions = {}) {
    this.#file = options.file
    this.#onReload = options.onReload ?? (() => undefined)
    this.#failures = failureLimit(options.failuresPerSecondMax ?? 10, options.nowMs ?? (() => performance.now()))
    if (this.#file === undefined) return
    this.#stamp = stampOf(this.#file)
    const reading = readAuthFile(this.#file)
    if (reading.faults !== undefined) throw new AuthFileError(reading.faults)
    this.#take(reading.tokens)
    this.#timer = setInterval(() => this.#reloadIfChanged(), options.watchIntervalMs ?? 2000).unref()
  }

  /** Whether tokens are asked for at all. */
  get isOpen(): boolean {
    return this.#file === undefined
  }

  /**
   * Judges the `Authorization` header of a request.
   * @param address of the sender, for the limit on wrong tokens.
   * @throws ScopeError TOKEN_MISSING, TOKEN_INVALID, ROLE_MISSING or RATE_LIMITED.
   */
  check(authorization: string | undefined, needed: Role, address = ''): Visitor {
    if (this.isOpen) return everybody
    const token = bearerToken(authorization)
    if (token === undefined) throw new ScopeError('TOKEN_MISSING')
    return this.checkToken(token, needed, address)
  }

  /** As {@link check}, for a token that came another way, such as the console's cookie. */
  checkToken(token: string, needed: Role, address = ''): Visitor {
    if (this.isOpen) return everybody
    const entry = this.#find(token)
    if (entry === undefined) {
      if (this.#failures.note(address)) throw new ScopeError('RATE_LIMITED', 'Too many wrong tokens.', { retryAfterSeconds: 1 })
      throw new ScopeError('TOKEN_INVALID')
    }
    if (!roleSuffices(entry.role, needed)) {
      throw new ScopeError('ROLE_MISSING', `The token has the role ${entry.role}; this needs ${needed}.`)
    }
    return { name: entry.name, role: entry.role, namespaces: entry.namespaces }
  }

  /** Reads the file again, at SIGHUP or when it has changed. A file with faults leaves the old tokens in force. */
  reload(): ReloadResult {
    if (this.#file === undefined) return { tokens: 0 }
    this.#stamp = stampOf(this.#file)
    const reading = readAuthFile(this.#file)
    if (reading.faults === undefined) this.#take(reading.tokens)
    const result = reading.faults === undefined ? { tokens: reading.tokens.length } : { faults: reading.faults }
    this.#onReload(result)
    return result
  }

  /** Stops looking at the file. */
  close(): void {
    clearInterval(this.#timer)
  }

  #reloadIfChanged(): void {
    if (this.#file !== undefined && stampOf(this.#file) !== this.#stamp) this.reload()
  }

  #take(tokens: readonly TokenEntry[]): void {
    this.#byHash = new Map(tokens.map((entry) => [entry.sha256.toString('hex'), entry]))
  }

  // The map is found by hash, and a hash says nothing of how near a guess was; the last word is a comparison in constant time.
  #find(token: string): TokenEntry | undefined {
    if (token.length > tokenLengthMax) return undefined
    const hash = hashOfToken(token)
    const entry = this.#byHash.get(hash.toString('hex'))
    return entry !== undefined && timingSafeEqual(entry.sha256, hash) ? entry : undefined
  }
}
