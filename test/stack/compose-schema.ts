/**
 * What the Compose files may contain: the part of the Compose Specification that they use, and no more. A key that is
 * misspelt, or that not every engine knows, is an error here. With COMPOSE_SPEC_SCHEMA=/path/to/compose-spec.json (from
 * github.com/compose-spec/compose-spec, folder schema) the tests check the files against the whole specification too.
 */
const text = { type: 'string', minLength: 1 } as const
const texts = { type: 'array', items: text, uniqueItems: true } as const
const duration = { type: 'string', pattern: '^\\d+(ms|s|m|h)$' } as const
const nothing = { type: 'null' } as const

function only(properties: Readonly<Record<string, unknown>>, required: readonly string[] = []) {
  return { type: 'object', properties, required, additionalProperties: false }
}

const byName = (value: unknown) => ({
  type: 'object',
  propertyNames: { pattern: '^[a-z][a-z0-9-]*$' },
  additionalProperties: value,
})

const healthcheck = {
  oneOf: [
    only({ disable: { const: true } }, ['disable']),
    only(
      {
        // Without a shell: ["CMD", program, ...].
        test: { type: 'array', minItems: 2, items: text, prefixItems: [{ const: 'CMD' }] },
        interval: duration,
        timeout: duration,
        retries: { type: 'integer', minimum: 1 },
        start_period: duration,
      },
      ['test', 'interval', 'timeout', 'retries'],
    ),
  ],
}

const limits = only(
  { memory: { type: 'string', pattern: '^\\d+[mg]$' }, pids: { type: 'integer', minimum: 1 }, cpus: { type: 'string' } },
  ['memory', 'pids'],
)

const service = {
  image: text,
  build: only({ context: text }, ['context']),
  init: { const: true },
  user: { type: 'string', pattern: '^[1-9]\\d*:[1-9]\\d*$' },
  command: { type: 'array', items: text },
  entrypoint: { type: 'array', items: text, minItems: 1 },
  // Texts only: YAML would make true, 1e3 or 010 something else.
  environment: {
    type: 'object',
    propertyNames: { pattern: '^[A-Z][A-Z0-9_]*$' },
    additionalProperties: text,
  },
  volumes: texts,
  ports: texts,
  networks: texts,
  profiles: texts,
  secrets: texts,
  depends_on: byName(only({ condition: { enum: ['service_healthy'] } }, ['condition'])),
  healthcheck,
  read_only: { const: true },
  tmpfs: texts,
  cap_drop: { const: ['ALL'] },
  security_opt: { const: ['no-new-privileges:true'] },
  restart: { const: 'unless-stopped' },
  stop_grace_period: duration,
  logging: only({ driver: { const: 'json-file' }, options: { type: 'object', additionalProperties: text } }, [
    'driver',
    'options',
  ]),
  deploy: only({ resources: only({ limits }, ['limits']) }, ['resources']),
}

const whole = {
  volumes: byName(nothing),
  networks: byName({ oneOf: [nothing, only({ internal: { const: true } })] }),
  secrets: byName(only({ file: text }, ['file'])),
}

const always = ['image', 'restart', 'cap_drop', 'security_opt', 'logging', 'healthcheck', 'deploy']

/** docker-compose.yml: every service is whole. */
export const composeSchema = {
  type: 'object',
  properties: { name: text, services: byName(only(service, always)), ...whole },
  patternProperties: { '^x-': { type: 'object' } },
  required: ['name', 'services', 'volumes', 'networks'],
  additionalProperties: false,
}

/** A file that is laid over it: services are in parts. */
export const overlaySchema = only({ services: byName(only(service)), ...whole }, ['services'])
