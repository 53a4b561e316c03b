import { describe, expect, test } from 'vitest'
import { networksOf } from './networks.ts'

const everything = networksOf(['0.0.0.0/0', '::/0'])
const near = networksOf(['127.0.0.0/8', '10.0.0.0/8', 'fc00::/7'])

describe('addresses that are never allowed', () => {
  test.each([
    ...['169.254.169.254', '169.254.0.1', '169.254.170.2', 'fe80::1', 'fe80::1%eth0', '0.0.0.0', '0.1.2.3', '::', '[::]'],
    ...['fd00:ec2::254', 'fd00:0ec2:0:0:0:0:0:254', 'fd20:ce::254', '100.100.100.200', '168.63.129.16', '192.0.0.192'],
  ])('%s, whatever networks are', (address) => {
    for (const protocol of ['http:', 'https:'])
      expect(everything.refusalOf(address, protocol), protocol).toMatch(/is never allowed$/)
  })

  test.each([
    ['mapped', '::ffff:169.254.169.254'],
    ['mapped, in hexadecimal', '::ffff:a9fe:a9fe'],
    ['mapped, in full', '0:0:0:0:0:ffff:a9fe:a9fe'],
    ['mapped, in full and dotted', '0:0:0:0:0:FFFF:169.254.169.254'],
    ['mapped, in brackets', '[::ffff:100.100.100.200]'],
    ['compatible', '::169.254.169.254'],
    ['translated', '::ffff:0:169.254.169.254'],
    ['NAT64', '64:ff9b::169.254.169.254'],
    ['NAT64 of another one', '64:ff9b::a83f:8110'],
    ['NAT64 of local use, /48', '64:ff9b:1:a9fe:a9:fe00::'],
    ['NAT64 of local use, /56', '64:ff9b:1:a9:fe:a9fe::'],
    ['NAT64 of local use, /64', '64:ff9b:1:7:a9:fea9:fe00:0'],
    ['NAT64 of local use, /96', '64:ff9b:1:7::169.254.169.254'],
    ['6to4', '2002:a9fe:a9fe::1'],
  ])('nor in the form %s: %s', (_form, address) => {
    expect(everything.refusalOf(address, 'https:')).toMatch(/is never allowed$/)
  })
})

test('the other addresses of the networks are allowed, also mapped ones', () => {
  for (const address of ['10.1.2.3', '127.0.0.1', 'fd00:ec2::253', '::ffff:10.1.2.3', '[fd00::1]'])
    expect(near.refusalOf(address, 'http:'), address).toBeUndefined()
  for (const address of ['::1', '64:ff9b::8.8.8.8', '64:ff9b:1::8.8.8.8', '8.8.8.8', '2001:db8::1'])
    expect(everything.refusalOf(address, 'https:'), address).toBeUndefined()
})

test.each([
  ['8.8.8.8', 'https:', 'in none of the allowed networks'],
  ['::1', 'http:', 'in none of the allowed networks'],
  ['64:ff9b::10.1.2.3', 'http:', 'in none of the allowed networks'],
  ['localhost', 'http:', 'is no address'],
  ['', 'http:', 'is no address'],
])('%s by %s: %s', (address, protocol, says) => {
  expect(near.refusalOf(address, protocol)).toContain(says)
})

test('plain http does not leave the private ranges', () => {
  expect(everything.refusalOf('8.8.8.8', 'http:')).toContain('only https')
  expect(everything.refusalOf('64:ff9b::8.8.8.8', 'http:')).toContain('only https')
  expect(everything.refusalOf('192.168.1.1', 'http:')).toBeUndefined()
})
