/** The one program. Reads the process, and registers every command. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { type CliContext, exitCodes } from './cli/context.ts'
import { helpStyle } from './cli/help.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

const context: CliContext = {
  env: process.env,
  // Touched only by a command that reads it: `run` hands its own standard input on as it is.
  get stdin() {
    return process.stdin
  },
  stdout: process.stdout,
  stderr: process.stderr,
}

const program = new Command('enginescope')
  .description('See what compute engines do: live job state, Prometheus series and logs out of one report per task.')
  .version(version)
  .configureHelp(helpStyle)
  .showHelpAfterError('(--help tells more)')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? exitCodes.ok : exitCodes.usage))

const addViews = async () => (await import('./cli/views/register.ts')).registerViews(program, context)

/** Each command is read when it is asked for: what a short one does not need is most of the time that it would take. */
const commands: Readonly<Record<string, () => Promise<void>>> = {
  serve: async () => (await import('./cli/serve.ts')).registerServe(program, context, version),
  up: async () => (await import('./cli/up.ts')).registerUp(program, context),
  demo: async () => (await import('./cli/demo.ts')).registerDemo(program, context),
  run: async () => (await import('./cli/run.ts')).registerRun(program, context),
  report: async () => (await import('./cli/report.ts')).registerReport(program, context),
  jobs: addViews,
  engines: addViews,
  logs: addViews,
  top: addViews,
  hub: async () => (await import('./cli/hub/hub.ts')).registerHub(program, context, version),
  agent: async () => (await import('./cli/hub/agent.ts')).registerAgent(program, context, version),
  dispatcher: async () => (await import('./cli/hub/dispatcher.ts')).registerDispatcher(program, context, version),
  'check-config': async () => (await import('./cli/check-config.ts')).registerCheckConfig(program, context),
  token: async () => (await import('./cli/token.ts')).registerToken(program, context),
  generate: async () => (await import('./cli/generate.ts')).registerGenerate(program, context),
}

const asked = process.argv[2] ?? ''
const add = Object.hasOwn(commands, asked) ? commands[asked] : undefined
// Help and a misspelt command need them all, in this order.
for (const addOne of add === undefined ? new Set(Object.values(commands)) : [add]) await addOne()

await program.parseAsync(process.argv)
