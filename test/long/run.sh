#!/usr/bin/env bash
# The long forms of the service tests: more kills, more bodies, more jobs. Takes about an hour on two cores.
# Arguments are names of test files, e.g. `test/long/run.sh fuzz kill`; default: all that have a long form.
set -euo pipefail
cd "$(dirname "$0")/../.."

npm run --silent build
export ENGINESCOPE_SKIP_BUILD=1
export ENGINESCOPE_TEST_KILLS="${ENGINESCOPE_TEST_KILLS:-200}"
export ENGINESCOPE_TEST_REPORTS="${ENGINESCOPE_TEST_REPORTS:-2000}"
export ENGINESCOPE_TEST_REPLICA_REPORTS="${ENGINESCOPE_TEST_REPLICA_REPORTS:-6000}"
export ENGINESCOPE_TEST_FINISHED_JOBS="${ENGINESCOPE_TEST_FINISHED_JOBS:-100000}"
export ENGINESCOPE_TEST_FUZZ_BODIES="${ENGINESCOPE_TEST_FUZZ_BODIES:-1000000}"
export ENGINESCOPE_TEST_RUNTIMES="${ENGINESCOPE_TEST_RUNTIMES:-200}"
export ENGINESCOPE_TEST_PROCESSES="${ENGINESCOPE_TEST_PROCESSES:-1000}"

names=("$@")
[ ${#names[@]} -gt 0 ] || names=(kill replicas retention fuzz enginehub-kills runtime-rolling)
for name in "${names[@]}"; do
  npx vitest run --project service --testTimeout=7200000 "test/service/$name.test.ts"
done
