#!/usr/bin/env bash
# Installs raceday-iac from this very checkout into an environment of its own, with the versions that it is tested with.
# In: IAC_EXTRAS. The program's folder is added to the path of the steps that follow.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
place="$RUNNER_TEMP/raceday-iac"
if [[ ! $IAC_EXTRAS =~ ^[a-z0-9,-]*$ ]]; then
  echo "::error::extras are names with commas between them"
  exit 1
fi
python -m venv "$place"
# Constraints may hold versions, but no hashes.
awk '/^[A-Za-z0-9]/ { print $1 }' "$root/requirements.lock" > "$place/constraints.txt"
export PIP_CONSTRAINT="$place/constraints.txt"
"$place/bin/python" -m pip install --quiet --disable-pip-version-check "$root${IAC_EXTRAS:+[$IAC_EXTRAS]}"
echo "$place/bin" >> "$GITHUB_PATH"
