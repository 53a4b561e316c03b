/** Runs once before the service tests, which start the built program as its users do. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Brings dist/ up to date, unless `ENGINESCOPE_SKIP_BUILD=1` says that it is. Types are not judged here: that is
 * `npm run types`, and `npm test` builds with them beforehand.
 * @throws when the compiler or the copying of assets fails
 */
export function setup(): void {
  if (process.env['ENGINESCOPE_SKIP_BUILD'] === '1') return
  run('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json', '--noCheck'])
  run(process.execPath, ['scripts/copy-assets.mjs'])
  run('node_modules/.bin/tsc', ['-p', 'examples/tsconfig.json', '--noCheck'])
}

function run(command: string, args: readonly string[]): void {
  const done = spawnSync(command, args, { cwd: root, encoding: 'utf8', timeout: 120_000 })
  if (done.status === 0) return
  throw new Error(`${command} ${args.join(' ')} failed\n${done.stdout}${done.stderr}`, { cause: done.error })
}
