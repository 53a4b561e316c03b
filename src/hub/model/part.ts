/** Reading what came off the wire: a value, where it stood, and the code to refuse it with. */
import { type ErrorCode, ScopeError } from '../../errors.ts'

/** Codes with which something is refused at the door. */
type DoorCode = Extract<ErrorCode, 'FLOW_INVALID' | 'REQUEST_INVALID'>

const idText = /^[A-Za-z0-9._:@/-]+$/
const idLengthMax = 200
const namedCharactersMax = 60

/** One part of a body. Every reader gives the value in its type or refuses it by its path. */
export class Part {
  readonly value: unknown
  /** As in `flow.processers[1].id`. */
  readonly path: string
  readonly #code: DoorCode

  constructor(value: unknown, path: string, code: DoorCode) {
    this.value = value
    this.path = path
    this.#code = code
  }

  /** @throws ScopeError always */
  refuse(message: string): never {
    throw new ScopeError(this.#code, message, this.path === '' ? {} : { path: this.path })
  }

  /** Absent and null are alike: nothing was said. */
  get isAbsent(): boolean {
    return this.value === undefined || this.value === null
  }

  object(what = 'an object'): Readonly<Record<string, unknown>> {
    const { value } = this
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.refuse(`must be ${what}`)
    return value as Record<string, unknown>
  }

  /** A part of an object; names of members that every object has are no parts of it. */
  field(name: string): Part {
    const owner = this.object()
    const value = Object.hasOwn(owner, name) ? owner[name] : undefined
    return new Part(value, this.path === '' ? name : `${this.path}.${name}`, this.#code)
  }

  items(itemsMax: number): Part[] {
    const { value } = this
    if (!Array.isArray(value)) return this.refuse('must be a list')
    if (value.length > itemsMax) return this.refuse(`must not have more than ${itemsMax} entries`)
    return value.map((item: unknown, at) => new Part(item, `${this.path}[${at}]`, this.#code))
  }

  entries(entriesMax: number): [string, Part][] {
    const names = Object.keys(this.object())
    if (names.length > entriesMax) return this.refuse(`must not have more than ${entriesMax} entries`)
    return names.map((name) => [name, this.field(name)])
  }

  text(lengthMax: number): string {
    const { value } = this
    if (typeof value !== 'string') return this.refuse('must be a text')
    if (value.length > lengthMax) return this.refuse(`must not be longer than ${lengthMax} characters`)
    return value
  }

  textOr<T>(byDefault: T, lengthMax: number): string | T {
    return this.isAbsent ? byDefault : this.text(lengthMax)
  }

  /** An id of the contract: 1 to 200 out of `A-Z a-z 0-9 . _ : @ / -`. */
  id(what: string, lengthMax = idLengthMax): string {
    const { value } = this
    if (typeof value === 'string' && value.length <= lengthMax && idText.test(value)) return value
    const shown = typeof value === 'string' ? ` ("${value.slice(0, namedCharactersMax)}")` : ''
    return this.refuse(`is not ${what}${shown}: 1 to ${lengthMax} of A-Z a-z 0-9 . _ : @ / -`)
  }

  idOr<T>(byDefault: T, what: string): string | T {
    return this.isAbsent ? byDefault : this.id(what)
  }

  flag(byDefault: boolean): boolean {
    if (this.isAbsent) return byDefault
    return typeof this.value === 'boolean' ? this.value : this.refuse('must be true or false')
  }

  whole(min: number, max = Number.MAX_SAFE_INTEGER): number {
    const { value } = this
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value
    return this.refuse(`must be a whole number between ${min} and ${max}`)
  }

  oneOf<const T extends string>(words: readonly T[]): T {
    const found = words.find((word) => word === this.value)
    return found ?? this.refuse(`must be one of ${words.join(', ')}`)
  }
}
