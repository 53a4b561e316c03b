/** The one program. Reads the process, and registers every command. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { registerCheckConfig } from './cli/check-config.ts'
import { type CliContext, exitCodes } from './cli/context.ts'
import { registerDemo } from './cli/demo.ts'
import { registerGenerate } from './cli/generate.ts'
import { registerReport } from './cli/report.ts'
import { registerRun } from './cli/run.ts'
import { registerServe } from './cli/serve.ts'
import { registerToken } from './cli/token.ts'
import { registerUp } from './cli/up.ts'
import { registerViews } from './cli/views/register.ts'

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
  .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
  .showHelpAfterError('(--help tells more)')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? exitCodes.ok : exitCodes.usage))

registerServe(program, context, version)
registerUp(program, context)
registerDemo(program, context)
registerRun(program, context)
registerReport(program, context)
registerViews(program, context)
registerCheckConfig(program, context)
registerToken(program, context)
registerGenerate(program, context)

await program.parseAsync(process.argv)
