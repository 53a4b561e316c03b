import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { allPages, anchorsOf, linksOf, pageAt, root } from './markdown.ts'

describe.each(allPages().map((page) => [page.path, page] as const))('%s', (_path, page) => {
  test('links to what is there', () => {
    const broken = linksOf(page).filter(({ path, anchor }) => {
      if (!existsSync(join(root, path))) return true
      return anchor !== '' && path.endsWith('.md') && !anchorsOf(pageAt(path)).has(anchor)
    })
    expect(broken.map(({ text }) => text)).toEqual([])
  })
})

test('a link into the void is seen', () => {
  const page = {
    path: 'docs/x.md',
    text: '[a](nothing.md) [b](../README.md#no-such-heading) [c](https://example.org)',
    fences: [],
  }
  expect(linksOf(page).map(({ path }) => path)).toEqual(['docs/nothing.md', 'README.md'])
  expect(anchorsOf(pageAt('README.md')).has('no-such-heading')).toBe(false)
})
