import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { monitorRequirements } from '../support/runtime-requirements.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

test.each(Object.entries(monitorRequirements))('%s is held by a test of the file that the table names', (id, { file }) => {
  expect(existsSync(`${root}/${file}`), file).toBe(true)
  expect(new RegExp(`holds\\(\\s*'${id}'`).test(readFileSync(`${root}/${file}`, 'utf8')), `${file} holds ${id}`).toBe(true)
})
