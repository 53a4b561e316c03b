#!/usr/bin/env bash
# Has Prometheus' own tool judge what is shipped for Prometheus: the configuration, the rules, and the rules' tests.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/.."

if ! command -v promtool >/dev/null; then
  echo 'rules: skipped, promtool is not installed (node scripts/setup.mjs)' >&2
  exit 0
fi

promtool check config prometheus/prometheus.yml

rules=(prometheus/rules/*.yml)
if ((${#rules[@]})); then promtool check rules "${rules[@]}"; fi

tests=(prometheus/tests/*.yml)
if ((${#tests[@]})); then promtool test rules "${tests[@]}"; fi

if [[ -f prometheus/alertmanager.yml ]]; then
  if command -v amtool >/dev/null; then
    amtool check-config prometheus/alertmanager.yml
  else
    echo 'rules: alertmanager.yml not checked, amtool is not installed (node scripts/setup.mjs)' >&2
  fi
fi
