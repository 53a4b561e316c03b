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
    return this.commands.length + this.events.length > 0 ? this : new Change(this.key, this.expected, this.expected)
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

  announce(kind: string, reference: string): void {
    this.events.push(kind, reference)
  }
}

/** KEYS and ARGV of the commit script for these changes. */
export function encodeChanges(
  eventsKey: string,
  countersKey: string,
  changes: readonly Change[],
  eventsMax: number,
): { keys: string[]; args: (string | number)[] } {
  const keys: string[] = [eventsKey, countersKey]
  const places = new Map<string, number>([
    [eventsKey, 1],
    [countersKey, 2],
  ])
  const placeOf = (key: string): number => {
    const known = places.get(key)
    if (known !== undefined) return known
    keys.push(key)
    places.set(key, keys.length)
    return keys.length
  }
  const args: (string | number)[] = [eventsMax, changes.length]
  for (const change of changes) {
    args.push(placeOf(change.key), change.expected, change.token, change.commands.length)
    for (const command of change.commands) {
      args.push(command[0], placeOf(command[1]), command.length - 2)
      for (let i = 2; i < command.length; i++) args.push(command[i] as string | number)
    }
    args.push(change.events.length, ...change.events)
  }
  return { keys, args }
}
