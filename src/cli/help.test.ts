import { Command, Option } from 'commander'
import { expect, test } from 'vitest'
import { helpStyle } from './help.ts'

const helpOf = (option: Option) => {
  const program = new Command('enginescope').configureHelp(helpStyle)
  return program
    .command('x')
    .addOption(option)
    .helpInformation()
    .split('\n')
    .find((line) => line.includes(option.flags))
}

test.each([
  ['a duration in its unit', new Option('--wait <duration>', 'how long').default(10_000), 'how long [default 10s]'],
  [
    'the choices',
    new Option('--output <form>', 'how').choices(['text', 'json']).default('text'),
    'how [one of text, json; default text]',
  ],
  ['no default of a switch', new Option('--once', 'one round').default(false), 'one round'],
  ['no default of a list', new Option('--log <line>', 'a line').default([]), 'a line'],
  ['no default of a map', new Option('--attribute <pair>', 'a fact').default({}), 'a fact'],
])('a flag tells %s', (_what, option, expected) => {
  expect(helpOf(option)?.endsWith(` ${expected}`)).toBe(true)
})
