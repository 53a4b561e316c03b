import { describe, expect, test } from 'vitest'
import { nearest } from './nearest.ts'
import { parseRedisTarget, redisTargetText } from './redis-target.ts'
import { formatDuration, formatSize, parseDurationMs, parseSizeBytes } from './units.ts'

describe('durations and sizes', () => {
  test.each([
    ['250ms', 250],
    ['15s', 15_000],
    ['1.5s', 1500],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['0s', 0],
    ['15', undefined],
    ['', undefined],
    ['-1s', undefined],
    ['1 s', undefined],
    ['1w', undefined],
    ['s', undefined],
    ['1sx', undefined],
  ])('%j is %j ms', (text, ms) => expect(parseDurationMs(text)).toBe(ms))

  test.each([
    ['256MiB', 268_435_456],
    ['64 KiB', 65_536],
    ['1.5GiB', 1_610_612_736],
    ['10MB', 10_000_000],
    ['12B', 12],
    ['12', undefined],
    ['1mb', undefined],
    ['', undefined],
  ])('%j is %j bytes', (text, bytes) => expect(parseSizeBytes(text)).toBe(bytes))

  test.each(['90s', '1h', '7d', '1500ms', '0s'])('%s prints as itself', (text) => {
    expect(formatDuration(parseDurationMs(text) ?? -1)).toBe(text)
  })
  test.each(['256MiB', '1536B', '1GiB', '0B'])('%s prints as itself', (text) => {
    expect(formatSize(parseSizeBytes(text) ?? -1)).toBe(text)
  })
})

describe('where Redis is', () => {
  test.each([
    ['redis://localhost', 'redis://localhost:6379/0'],
    ['redis://user:p%40ss@10.0.0.1:6380/3', 'redis://10.0.0.1:6380/3'],
    ['rediss://[::1]:6380', 'rediss://[::1]:6380/0'],
    ['unix:///run/redis.sock?db=2', 'unix:///run/redis.sock?db=2'],
    ['/run/redis.sock', 'unix:///run/redis.sock'],
    ['redis-sentinel://a:26379,b/mymaster', 'redis-sentinel://a:26379,b:26379/mymaster'],
    ['rediss-sentinel://:pw@a:1/m?db=4&sentinelPassword=x', 'rediss-sentinel://a:1/m'],
    ['redis-cluster://a:7000,b:7001,[::1]:7002', 'redis-cluster://a:7000,b:7001,[::1]:7002'],
  ])('%s reads as %s', (url, text) => expect(redisTargetText(parseRedisTarget(url))).toBe(text))

  test('user and password are decoded', () => {
    const target = parseRedisTarget('redis://user:p%40ss@h')
    expect(target).toMatchObject({ kind: 'single', username: 'user' })
    expect(target.password?.reveal()).toBe('p@ss')
  })

  test.each([
    'http://a',
    'redis://',
    'redis://a:70000',
    'redis://a:0',
    'redis://a/x',
    'redis://a?x=1',
    'redis-sentinel://a:1',
    'redis-cluster://a:1/3',
    'unix://host/path',
    'redis://%zz@a',
    'a:6379',
    '',
  ])('%j is refused', (url) => expect(() => parseRedisTarget(url)).toThrow(/must|has/))
})

test.each([
  ['prot', 'port'],
  ['LOSTAFTER', 'lostAfter'],
  ['zzzzzz', undefined],
])('the nearest name to %s is %s', (word, found) => expect(nearest(word, ['port', 'lostAfter', 'host'])).toBe(found))
