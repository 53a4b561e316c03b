// Looks for the programs that the demo and the tests run beside Node, and installs what is missing where that can be
// done without a question (apt-get as root or with passwordless sudo). Elsewhere it names the command.
//
//   node scripts/setup.mjs           install what is missing
//   node scripts/setup.mjs --check   only report
//
// Says nothing when nothing is missing. Exit code 1 only when redis-server is missing: the rest can be done without.
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * @typedef {object} Need
 * @property {string} what
 * @property {string[]} binaries every one of them must be there; `a|b` means either name will do
 * @property {{ apt: string, dnf?: string, brew?: string }} packages
 * @property {boolean} isRequired
 * @property {string} without what is left out when it is missing
 */

/** @type {Need[]} */
const needs = [
  {
    what: 'Redis',
    binaries: ['redis-server'],
    packages: { apt: 'redis-server', dnf: 'redis', brew: 'redis' },
    isRequired: true,
    without: 'nothing runs: all state is kept in Redis',
  },
  {
    what: 'Prometheus',
    binaries: ['prometheus', 'promtool'],
    packages: { apt: 'prometheus', dnf: 'golang-github-prometheus', brew: 'prometheus' },
    isRequired: false,
    without: 'the local stack has no Prometheus; tests that scrape, and rule tests, are skipped',
  },
  {
    what: 'Alertmanager',
    binaries: ['prometheus-alertmanager|alertmanager', 'amtool'],
    packages: { apt: 'prometheus-alertmanager' },
    isRequired: false,
    without: 'the local stack sends no alerts; tests of their routing are skipped',
  },
]

const searchPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')

/** @param {string} name */
function isInstalled(name) {
  return searchPath.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** @param {Need} need @returns {string[]} binaries that are not there */
const absentBinaries = (need) => need.binaries.filter((names) => !names.split('|').some(isInstalled))

const missing = () => needs.filter((need) => absentBinaries(need).length > 0)

/** What to put before apt-get: nothing for root, sudo where it asks for no password; undefined when neither will do. */
function privilege() {
  if (process.getuid?.() === 0) return []
  const sudo = isInstalled('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0
  return sudo ? ['sudo', '-n'] : undefined
}

/** @param {string[]} prefix @param {string[]} packages @returns {boolean} whether apt-get was content */
function aptInstall(prefix, packages) {
  const apt = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', '-y']
  const steps = [['update'], ['install', '--no-install-recommends', ...packages]]
  return steps.every((step) => {
    const [command = '', ...args] = [...apt, ...step]
    const run = spawnSync(command, args, { encoding: 'utf8', timeout: 600_000, maxBuffer: 64 * 1024 * 1024 })
    if (run.status === 0) return true
    console.error(`setup: apt-get ${step.join(' ')} failed\n${(run.stderr || run.error?.message || '').trim()}`)
    return false
  })
}

/** @param {Need[]} list @returns {string | undefined} the command that installs them on this system */
function commandFor(list) {
  /** @type {['apt' | 'dnf' | 'brew', string, string][]} */
  const managers = [
    ['apt', 'apt-get', 'sudo apt-get update && sudo apt-get install --no-install-recommends'],
    ['dnf', 'dnf', 'sudo dnf install'],
    ['brew', 'brew', 'brew install'],
  ]
  for (const [manager, binary, command] of managers) {
    const packages = list.flatMap((need) => need.packages[manager] ?? [])
    if (isInstalled(binary) && packages.length > 0) return `${command} ${packages.join(' ')}`
  }
  return undefined
}

/** @param {Need[]} list */
function report(list) {
  for (const need of list) {
    console.error(`setup: ${need.what} is missing (${absentBinaries(need).join(', ').replaceAll('|', ' or ')}): ${need.without}.`)
  }
  const command = commandFor(list)
  if (command !== undefined) console.error(`setup: install with: ${command}`)
}

if (!process.argv.includes('--check')) {
  const packages = missing().map((need) => need.packages.apt)
  const prefix = packages.length > 0 && isInstalled('apt-get') ? privilege() : undefined
  if (prefix !== undefined) {
    console.error(`setup: installing ${packages.join(', ')} ...`)
    aptInstall(prefix, packages)
  }
}

const stillMissing = missing()
if (stillMissing.length > 0) report(stillMissing)
process.exitCode = stillMissing.some((need) => need.isRequired) ? 1 : 0
