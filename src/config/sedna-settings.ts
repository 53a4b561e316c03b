import { text, webUrl, word } from './kinds.ts'
import { given, optional } from './setting.ts'

/** The route that takes the messages of Sedna's own workers. */
export const sednaSettings = {
  sednaAdapter: given(
    'sedna',
    'sednaAdapter',
    word(['off', 'on']),
    'off',
    "on: takes what the library of Sedna's workers sends to its Local Controller (POST /sedna/workers/{name}/info) as reports.",
  ),
  sednaForwardUrl: optional(
    'sedna',
    'sednaForwardUrl',
    webUrl,
    'The real Local Controller, base URL: each message is passed on to it, and its answer given back.',
  ),
  sednaMiningFirst: optional(
    'sedna',
    'sednaMiningFirst',
    text(/^[^\s,/]+\/[^\s,]+(,[^\s,/]+\/[^\s,]+)*$/, 'namespace/job, separated by commas'),
    'Joint inference services whose workers look for hard samples before they infer (mining-then-inference).',
  ),
} as const
