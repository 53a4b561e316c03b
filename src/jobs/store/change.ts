/** One change of one record, as the commit script takes it. */
import { randomBytes } from 'node:crypto'

type Command = readonly [name: string, key: string, ...args: (string | number)[]]

/** The commit script spreads the arguments of a command: Lua takes no more than a few thousand. */
const membersPerCommand = 500

const processTag = randomBytes(6).toString('base64url')
let tokensGiven = 0

/** A token no one else gives: not a number that two histories could both reach. */
export function newToken(): string {
  tokensGiven += 1
  return `${processTag}.${tokensGiven.toString(36)}`
}

/** Shared until something is put in: a list that grows from nothing takes room for seventeen, and most hold one or two. */
const noTexts: string[] = []
const noCommands: Command[] = []

export class Change {
  readonly key: string
  readonly expected: string
  readonly token: string
  #fields: string[] = noTexts
  #commands: Command[] = noCommands
  #events: string[] = noTexts

  /** @param expected token the change was made from; `''` = the record must not exist. @param token `''` deletes the record. */
  constructor(key: string, expected: string, token: string) {
    this.key = key
    this.expected = expected
    this.token = token
  }

  /** Fields of the record's hash, name and value in turn. */
  get fields(): readonly string[] {
    return this.#fields
  }

  get commands(): readonly Command[] {
    return this.#commands
  }

  /** Lines for the event stream. */
  get events(): readonly string[] {
    return this.#events
  }

  /** What nothing is written by leaves the record as it is: it need not be read anew elsewhere. */
  orLook(): Change {
    const isEmpty = this.fields.length + this.commands.length + this.events.length === 0
    return isEmpty ? new Change(this.key, this.expected, this.expected) : this
  }

  /** Sets a field of the record itself. */
  set(field: string, text: string): void {
    if (this.#fields === noTexts) this.#fields = [field, text]
    else this.#fields.push(field, text)
  }

  /** As {@link set}, all that are set at once. @param fields name and value in turn; not to be changed afterwards */
  setAll(fields: string[]): void {
    this.#fields = this.#fields === noTexts ? fields : [...this.#fields, ...fields]
  }

  run(...command: Command): void {
    if (this.#commands === noCommands) this.#commands = [command]
    else this.#commands.push(command)
  }

  /** One command over many members, in as many pieces as the script can take. */
  runMany(name: string, key: string, members: readonly string[]): void {
    for (let at = 0; at < members.length; at += membersPerCommand) {
      this.run(name, key, ...members.slice(at, at + membersPerCommand))
    }
  }

  /** @param line one line for the event stream */
  announce(line: string): void {
    if (this.#events === noTexts) this.#events = [line]
    else this.#events.push(line)
  }
}

/** Ends each piece of the script's argument. No piece holds it: ids, keys and tokens are plain text, all else is JSON. */
const pieceEnd = '\u0001'

/** Changes of records of one shard. */
export type ShardChanges = { readonly eventsKey: string; readonly countersKey: string; readonly changes: readonly Change[] }

/**
 * KEYS and ARGV of the commit script for these changes. They are one argument, not thousands: the client's work for each was dearer
 * than all that the script does with it.
 */
export function encodeChanges(shards: readonly ShardChanges[], eventsMax: number): { keys: string[]; args: string[] } {
  const keys: string[] = []
  const places = new Map<string, number>()
  const placeOf = (key: string): number => {
    const known = places.get(key)
    if (known !== undefined) return known
    keys.push(key)
    places.set(key, keys.length)
    return keys.length
  }
  let text = `${eventsMax}${pieceEnd}${shards.length}${pieceEnd}`
  for (const { eventsKey, countersKey, changes } of shards) {
    text += `${placeOf(eventsKey)}${pieceEnd}${placeOf(countersKey)}${pieceEnd}${changes.length}${pieceEnd}`
    for (const change of changes) text += changeText(change, placeOf)
  }
  return { keys, args: [text] }
}

function changeText(change: Change, placeOf: (key: string) => number): string {
  const { key, expected, token, fields, commands, events } = change
  let text = `${placeOf(key)}${pieceEnd}${expected}${pieceEnd}${token}${pieceEnd}${fields.length}${pieceEnd}`
  for (const field of fields) text += field + pieceEnd
  text += commands.length + pieceEnd
  for (const command of commands) {
    text += `${command[0]}${pieceEnd}${placeOf(command[1])}${pieceEnd}${command.length - 2}${pieceEnd}`
    for (let i = 2; i < command.length; i++) text += command[i] + pieceEnd
  }
  return `${text}${events.length === 1 ? events[0] : events.join('\n')}${pieceEnd}`
}
