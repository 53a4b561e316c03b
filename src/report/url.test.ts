import { expect, test } from 'vitest'
import { bareUrl } from './url.ts'

test.each([
  ['s3://models/a/model.pb', 's3://models/a/model.pb'],
  ['s3://user:secret@models/a.pb?X-Sig=secret#secret', 's3://models/a.pb'],
  ['https://secret@m:8443/b.pb', 'https://m:8443/b.pb'],
  ['https://user:se@cret@m/b.pb', 'https://m/b.pb'],
  ['//user:secret@m/b.pb', '//m/b.pb'],
  ['https:/user:secret@m/b.pb', 'https:/m/b.pb'],
  ['https:user:secret@m/b.pb', 'https:m/b.pb'],
  ['https:\\\\user:secret@m\\b.pb', 'https:\\\\m\\b.pb'],
  ['https:///user:secret@m/b.pb', 'https:///m/b.pb'],
  ['oci+https://proxy/https://user:secret@m/b.pb', 'oci+https://proxy/https://m/b.pb'],
  ['jdbc:postgresql://h1:5432,h2:5432/db', 'jdbc:postgresql://h1:5432,h2:5432/db'],
  ['http://[::1]:9000/m.pb', 'http://[::1]:9000/m.pb'],
  ['file:///data/me@home/m.pb', 'file:///data/me@home/m.pb'],
  ['file:///me@home/m.pb', 'file:///me@home/m.pb'],
  ['/data/me@home/m.pb', '/data/me@home/m.pb'],
  ['C:\\models\\m.pb', 'C:\\models\\m.pb'],
])('%s is kept as %s', (url, bare) => {
  expect(bareUrl(url)).toBe(bare)
})

test.each([
  '',
  '?token=secret',
  's3://m/a\u0000.pb',
  's3://m/a\n.pb',
  's3://key:sec/ret@models/a.pb',
  's3://key:sec?ret@models/a.pb',
  's3://key:sec#ret@models/a.pb',
])('%j is not kept at all', (url) => {
  expect(bareUrl(url)).toBeUndefined()
})

test('a long address is cut', () => {
  expect(bareUrl(`s3://m/${'a'.repeat(1_000)}`)).toHaveLength(512)
})
