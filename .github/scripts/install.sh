#!/usr/bin/env bash
# Installs raceday-iac from this very checkout into an environment of its own: with the versions and hashes of
# requirements-run.lock, from wheels alone, and built with what is installed by then, so that nothing else is fetched and
# no code of others runs. Nothing here sees the step's variables: a key that is among them is none of its business.
# The program's folder is added to the path of the steps that follow.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
place="$RUNNER_TEMP/raceday-iac"
kept=(PATH="$PATH" HOME="$HOME" RUNNER_TEMP="$RUNNER_TEMP" LANG="${LANG:-C.UTF-8}")
for name in TMPDIR HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy SSL_CERT_FILE REQUESTS_CA_BUNDLE \
  PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_CERT PIP_CONFIG_FILE PIP_FIND_LINKS; do
  if [[ -n ${!name:-} ]]; then kept+=("$name=${!name}"); fi
done
env -i "${kept[@]}" python -m venv "$place"
pip=(env -i "${kept[@]}" "$place/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps)
"${pip[@]}" --require-hashes --only-binary :all: -r "$root/requirements-run.lock"
"${pip[@]}" --no-index --no-build-isolation "$root"
echo "$place/bin" >> "$GITHUB_PATH"
