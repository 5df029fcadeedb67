#!/usr/bin/env bash
# The main job from end to end: a project that grew by hand becomes a declared one, and stays so.
# Runs on the embedded server; leaves nothing behind but state/demo/.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH="$PWD/.venv/bin:$PATH"
export PYTHONUNBUFFERED=1

bold() { if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then printf '\033[1m%s\033[0m\n' "$1"; else printf '%s\n' "$1"; fi; }
step() { echo; bold "── $1"; }

# run EXPECTED_EXIT_CODE command…
run() {
    local expected=$1 code=0
    shift
    bold "\$ $*"
    "$@" || code=$?
    if [ "$code" -ne "$expected" ]; then
        echo "The demo expected exit code $expected, but got $code." >&2
        exit 1
    fi
    if [ "$expected" -ne 0 ]; then echo "(exit code $code)"; fi
}

iac() { local expected=$1; shift; run "$expected" raceday-iac "$@" --env demo; }

trap 'raceday-iac server stop --env demo >/dev/null 2>&1 || true' EXIT
begun=$SECONDS

step "An Appwrite project as it grew: nine functions, three of them redundant pollers, no managed schema"
iac 0 server reset
iac 0 server start
iac 0 server load tests/data/raceday/appwrite.json

step "The plan: what would change (nothing is changed yet)"
iac 2 plan --detailed-exitcode

step "Apply it: schema, variables, code, and last the deletions"
iac 0 apply --auto-approve

step "Run deployed functions: one checks the database, one imports today's meetings from the simulated NZ TAB"
iac 0 run database-setup
iac 0 run daily-meetings

step "A second plan has no changes"
iac 0 plan --detailed-exitcode

step "Somebody changes a timeout and an attribute outside of raceday-iac"
eval "$(raceday-iac server status --env-vars --env demo)"
run 0 python docs/demo/meddle.py
iac 3 drift

step "Apply reverts both"
iac 0 apply --auto-approve
iac 0 drift

step "Destroy one function"
iac 0 destroy database-setup --auto-approve

step "The functions and their locks on a race day, in virtual time: midnight until the second of six races is over"
iac 0 simulate --seed 4 --races 6 --until 12:35

echo
bold "Done in $((SECONDS - begun)) s."
