import { parse, stringify } from 'yaml'
import type { Artefact } from '../artefact.ts'

/** The rules as an object for the operator of Prometheus: the very groups of the rule files. @param files in prometheus/rules */
export function prometheusRule(files: readonly Artefact[]): Artefact {
  const groups = files.flatMap(({ text }) => (parse(text) as { readonly groups: readonly unknown[] }).groups)
  const document = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'enginescope', labels: { 'app.kubernetes.io/name': 'enginescope', release: 'kube-prometheus-stack' } },
    spec: { groups },
  }
  const header = '# Generated from src/catalogue by `npm run generate`; changes here are lost.\n'
  return {
    path: 'deploy/kubernetes/components/prometheus-operator/prometheus-rule.yaml',
    text: `${header}${stringify(document, { lineWidth: 0 })}`,
  }
}
