import { duration, secret, size, whole, word } from './kinds.ts'
import { networkList, runtimeList, topicList } from './runtime-kinds.ts'
import { certificates, given, optional } from './setting.ts'

/** Runtimes whose messages are fetched. */
export const runtimeSettings = {
  runtimes: given(
    'runtimes',
    'runtimes',
    runtimeList,
    '[]',
    'Runtimes whose messages are fetched from the start: a list as of POST /api/v1/runtimes, each with tokenFile instead of token.',
  ),
  runtimeNetworks: given(
    'runtimes',
    'runtimeNetworks',
    networkList,
    '127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7',
    'Networks that runtimes may be in, with commas between. Link-local addresses and those of cloud metadata never are.',
  ),
  runtimeIntervalMs: given('runtimes', 'runtimeInterval', duration('100ms', '1h'), '2s', 'How often a runtime is asked, ± 10 %.'),
  runtimeGraceMs: given(
    'runtimes',
    'runtimeGrace',
    duration('0s', '1h'),
    '30s',
    'How long after its end a run is still asked for its last messages; half of it once nothing comes any more.',
  ),
  runtimeReset: given(
    'runtimes',
    'runtimeReset',
    word(['earliest', 'latest']),
    'earliest',
    'Where to go on when a runtime has lost the log that was being read.',
  ),
  runtimeTopics: given(
    'runtimes',
    'runtimeTopics',
    topicList,
    '',
    'Topics allowed, and asked for, beside those of the protocol, with commas between; what they hold is kept as it is.',
  ),
  runtimeFailuresMax: given(
    'runtimes',
    'runtimeFailures',
    whole(1, 1000, 'failures'),
    '5',
    'Failures in a row after which a runtime counts as unreachable. It is asked on.',
  ),
  runtimeTimeoutMs: given('runtimes', 'runtimeTimeout', duration('100ms', '10m'), '10s', 'A whole request to a runtime.'),
  runtimeConnectTimeoutMs: given('runtimes', 'runtimeConnectTimeout', duration('50ms', '1m'), '3s', 'Connecting to a runtime.'),
  runtimeBodyMaxBytes: given('runtimes', 'runtimeBodyMax', size('64KiB', '256MiB'), '8MiB', 'An answer of a runtime, unpacked.'),
  runtimeFetchesMax: given('runtimes', 'runtimeFetches', whole(1, 1024), '64', 'Requests to runtimes at a time, per replica.'),
  runtimesMax: given('runtimes', 'runtimesMax', whole(1, 100_000), '10000', 'Runtimes known at a time, ended ones included.'),
  runtimeTlsCa: optional('runtimes', 'runtimeTlsCa', certificates, 'Certificates (PEM) that https runtimes are checked by.', {
    fromFile: 'only',
  }),
  runtimeTlsCert: optional('runtimes', 'runtimeTlsCert', certificates, 'Own certificate (PEM), for mutual TLS.', {
    fromFile: 'only',
  }),
  runtimeTlsKey: optional('runtimes', 'runtimeTlsKey', secret, 'Its key (PEM).', { fromFile: 'only' }),
} as const
