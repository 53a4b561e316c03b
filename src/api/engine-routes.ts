import { ref } from '../http/schema-parts.ts'
import { isEngineState } from '../jobs/queries/engine-list.ts'
import { engineStates } from '../jobs/records.ts'
import type { ApiDeps } from './deps.ts'
import { found } from './job-routes.ts'
import { countParam, cursorParam, textParam, wordsParam } from './param.ts'
import { type Route, route } from './route.ts'

/** Engines, and those among them that Prometheus should scrape. */
export function engineRoutes({ queries }: ApiDeps): Route[] {
  return [
    route({
      path: '/api/v1/engines',
      role: 'read',
      tag: 'Engines',
      summary: 'Engines by instance name: live, suspect and lost',
      query: {
        state: wordsParam('Only these states, with commas between.', engineStates, (word) => {
          const state = word.toLowerCase()
          return isEngineState(state) ? state : undefined
        }),
        engineType: textParam('Only this engine type.'),
        q: textParam('Only engines whose instance, node, user or attributes (`key=value`) hold this text, whatever its case.'),
        limit: countParam('Engines a page.', { max: 1_000, default: 100 }),
        cursor: cursorParam('`nextCursor` of the page before.'),
      },
      answer: { schema: ref('EnginePage') },
      answerTo: ({ query: { state, limit, cursor, ...filter } }) =>
        queries.listEngines({ ...filter, states: state }, { limit, cursor }),
    }),
    route({
      path: '/api/v1/engines/{instance}',
      role: 'read',
      tag: 'Engines',
      summary: 'One engine with its open tasks',
      answer: { schema: ref('Engine') },
      codes: ['NOT_FOUND'],
      answerTo: ({ path, reach }) => found(queries.getEngine(path['instance'] ?? '', reach)),
    }),
    route({
      path: '/api/v1/sd/prometheus',
      role: 'read',
      tag: 'Engines',
      summary: 'Engines that expose metrics of their own, for `http_sd_configs` of Prometheus',
      answer: { schema: ref('PrometheusTargets') },
      answerTo: async () => {
        const addresses = await queries.listMetricsAddresses()
        return addresses.map(({ instance, address }) => ({
          targets: [address],
          labels: { __meta_enginescope_engine: instance },
        }))
      },
    }),
  ]
}
