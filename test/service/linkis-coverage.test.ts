import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { requirements } from '../support/linkis-requirements.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

test.each(Object.entries(requirements))('%s is held by a test of the file that the table names', (id, { file, says }) => {
  if (!file.endsWith('.ts')) return // Rules of Prometheus are tested by promtool, in files of their own.
  expect(existsSync(`${root}/${file}`), file).toBe(true)
  const text = readFileSync(`${root}/${file}`, 'utf8')
  expect(new RegExp(`requirement\\(\\s*'${id}'`).test(text) || text.includes(says), `${file} holds ${id}`).toBe(true)
})
