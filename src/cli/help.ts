/** How `--help` tells of flags: what is taken and what is the default, in one bracket, in the words in which it would be given. */
import type { HelpConfiguration, Option } from 'commander'
import { formatDuration } from '../config/units.ts'

/** To be given to the program; its commands follow it. */
export const helpStyle: HelpConfiguration = {
  sortSubcommands: false,
  showGlobalOptions: false,
  optionDescription: descriptionOf,
}

function descriptionOf(option: Option): string {
  const { argChoices, description } = option
  const byDefault = defaultOf(option)
  const facts = [
    ...(argChoices === undefined ? [] : [`one of ${argChoices.join(', ')}`]),
    ...(byDefault === undefined ? [] : [`default ${byDefault}`]),
  ]
  return facts.length === 0 ? description : `${description} [${facts.join('; ')}]`
}

/** Undefined where the default is that nothing was given. */
function defaultOf({ defaultValue, flags, negate }: Option): string | undefined {
  if (negate || defaultValue === undefined || defaultValue === false) return undefined
  if (typeof defaultValue === 'object') return undefined
  if (typeof defaultValue === 'number' && flags.endsWith('<duration>')) return formatDuration(defaultValue)
  return String(defaultValue)
}
