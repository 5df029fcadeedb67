#!/usr/bin/env bash
# Installs the wheel in dist/ into an empty environment and does with it what a newcomer does: the shop as its page shows
# it, and a function in Node. Nothing of the checkout is used but that page.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python -m venv "$place/env"
pip=("$place/env/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps)
"${pip[@]}" --require-hashes --only-binary :all: -r "$root/requirements-run.lock"
"${pip[@]}" --no-index "$root"/dist/*.whl
export PATH="$place/env/bin:$PATH"
mkdir -p "$place/shop" "$place/node/stacks/environments" "$place/node/functions/greet"

cd "$place/shop"
python "$root/docs/walk.py" "$root/docs/shop.md"

cd "$place/node"
cat > stacks/small.py <<'STACK'
from raceday_iac import Stack

stack = Stack("small")
stack.function(
    "greet",
    name="Greet",
    runtime="node-22",
    specification="s-0.5vcpu-512mb",
    timeout=15,
    entrypoint="main.js",
    code="functions/greet",
)
STACK
printf 'endpoint: embedded\nproject: small\n' > stacks/environments/local.yaml
printf 'module.exports = ({ res }) => res.json({ hello: "node" });\n' > functions/greet/main.js
raceday-iac apply --auto-approve
raceday-iac run greet | tee answer
grep -q '"hello": "node"' answer || grep -q '"hello":"node"' answer
