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

export class Change {
  readonly key: string
  readonly expected: string
  readonly token: string
  /** Fields of the record's hash, name and value in turn. */
  readonly fields: string[] = []
  readonly commands: Command[] = []
  readonly events: string[] = []

  /** @param expected token the change was made from; `''` = the record must not exist. @param token `''` deletes the record. */
  constructor(key: string, expected: string, token: string) {
    this.key = key
    this.expected = expected
    this.token = token
  }

  /** What nothing is written by leaves the record as it is: it need not be read anew elsewhere. */
  orLook(): Change {
    const isEmpty = this.fields.length + this.commands.length + this.events.length === 0
    return isEmpty ? new Change(this.key, this.expected, this.expected) : this
  }

  /** Sets a field of the record itself. */
  set(field: string, text: string): void {
    this.fields.push(field, text)
  }

  run(...command: Command): void {
    this.commands.push(command)
  }

  /** One command over many members, in as many pieces as the script can take. */
  runMany(name: string, key: string, members: readonly string[]): void {
    for (let at = 0; at < members.length; at += membersPerCommand) {
      this.run(name, key, ...members.slice(at, at + membersPerCommand))
    }
  }

  /** @param line one line for the event stream */
  announce(line: string): void {
    this.events.push(line)
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
  const pieces: (string | number)[] = [eventsMax, shards.length]
  for (const { eventsKey, countersKey, changes } of shards) {
    pieces.push(placeOf(eventsKey), placeOf(countersKey), changes.length)
    for (const change of changes) pushChange(pieces, change, placeOf)
  }
  pieces.push('')
  return { keys, args: [pieces.join(pieceEnd)] }
}

function pushChange(pieces: (string | number)[], change: Change, placeOf: (key: string) => number): void {
  const { key, expected, token, fields, commands, events } = change
  pieces.push(placeOf(key), expected, token, fields.length)
  for (const piece of fields) pieces.push(piece)
  pieces.push(commands.length)
  for (const command of commands) {
    pieces.push(command[0], placeOf(command[1]), command.length - 2)
    for (let i = 2; i < command.length; i++) pieces.push(command[i] as string | number)
  }
  pieces.push(events.length === 1 ? (events[0] as string) : events.join('\n'))
}
