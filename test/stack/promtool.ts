import { spawnSync } from 'node:child_process'

const program = 'promtool'

/** Whether it is installed; tests that need it are left out otherwise. */
export const hasPromtool = spawnSync(program, ['--version']).status === 0

/** Has Prometheus' own tool judge a file of its configuration. */
export function checkConfig(path: string): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(program, ['check', 'config', path], { encoding: 'utf8' })
  return { status, output: `${stdout}${stderr}` }
}
