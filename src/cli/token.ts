import { type Command, InvalidArgumentError, Option } from 'commander'
import { hashOfToken, makeToken, roles } from '../access/token.ts'
import type { CliContext } from './context.ts'
import { readId } from './pairs.ts'

/** As the auth file has it. */
const nameLengthMax = 100

type TokenFlags = { name: string; role: string; namespace: string[] }

/** The entry of the auth file for a token, as YAML. */
export function tokenEntryText(token: string, { name, role, namespace }: TokenFlags): string {
  const list = (namespace.length > 0 ? namespace : ['*']).map((value) => JSON.stringify(value)).join(', ')
  const sha256 = hashOfToken(token).toString('hex')
  return `  - name: ${JSON.stringify(name)}\n    sha256: ${sha256}\n    role: ${role}\n    namespaces: [${list}]\n`
}

/** Adds `enginescope token`: the token to `stdout`, so that it can be piped; the entry for the auth file to `stderr`. */
export function registerToken(program: Command, context: CliContext): void {
  const command = program
    .command('token')
    .description('Make a new random token, and print its entry for the auth file.')
    .requiredOption('--name <name>', 'whom the token is for', readName)
    .addOption(new Option('--role <role>', 'what it may do').choices(roles).default('report'))
    .option(
      '--namespace <name>',
      'a namespace it may reach; may be repeated; all when not given',
      (value, all: string[]) => [...all, value === '*' ? value : readId(value)],
      [],
    )
  command.action((flags: TokenFlags) => {
    const token = makeToken()
    context.stdout.write(`${token}\n`)
    context.stderr.write(`\nKeep the token; only its hash goes into the auth file (ENGINESCOPE_AUTH_FILE), under "tokens:":\n\n`)
    context.stderr.write(tokenEntryText(token, flags))
  })
}

function readName(text: string): string {
  if (text.length <= nameLengthMax) return readId(text)
  throw new InvalidArgumentError(`It must not be longer than ${nameLengthMax} characters.`)
}
