// What npm runs after an install of this repository. An install without development packages (`--omit=dev`) has no
// compiler and nothing to build; it must not fail for that.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

if (existsSync(new URL('../node_modules/typescript', import.meta.url))) {
  const build = spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit', shell: process.platform === 'win32' })
  process.exitCode = build.status ?? 1
} else {
  console.log('enginescope: no compiler installed (development packages are left out); dist/ is used as it is.')
}
