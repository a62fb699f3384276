#!/usr/bin/env bash
# Collects the logs of the cluster that setup-gitops made in this job into $RUNNER_TEMP/gitops-setup/logs.
set -euo pipefail

folder="$RUNNER_TEMP/gitops-setup"
if [ ! -f "$folder/arguments" ]; then
    echo "::notice title=gitops-logs::setup-gitops did not run in this job: there are no logs"
    exit 0
fi
mapfile -t arguments <"$folder/arguments"
"$folder/bin/gitops-setup" cluster logs --out "$folder/logs" "${arguments[@]}"
