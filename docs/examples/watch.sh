#!/usr/bin/env bash
# For cron: look how a project fares, report to the webhooks of stacks/health.yaml what is new and what is over, and end what is
# proven to be stuck.
#
#   */5 * * * *  raceday  /opt/raceday/docs/examples/watch.sh /opt/raceday prod
#
# The first argument is the folder above stacks/, the second the environment. What it needs is taken from
# /etc/raceday-iac/ENVIRONMENT.env (mode 0600), lines of NAME=VALUE: the variables that the environment file and health.yaml
# name. The key needs what docs/recovery.md says. Silent while all is well, so that cron sends mail only when somebody has
# to look; ends with the exit code of the last look (0, 7, 8), or with that of what went wrong.
set -uo pipefail
project=$1 env=$2
settings=${RACEDAY_IAC_SETTINGS:-/etc/raceday-iac}/$env.env
cd "$project" || exit 1
if [[ -e $settings ]]; then
  set -a
  # shellcheck source=/dev/null
  . "$settings" || exit 1
  set +a
fi
umask 077
mkdir -p state
# A second run ends at once while this one is under way.
exec 9> "state/watch-$env.lock"
flock --nonblock 9 || exit 0

said=$(mktemp)
trap 'rm -f "$said"' EXIT
iac() { raceday-iac --no-color --env "$env" "$@" > "$said" 2>&1; }

iac health --alert --reported "state/reported-$env.json"
code=$?
iac_said=$(cat "$said")
if [[ $code == [078] ]]; then
  iac recover --dry-run
  stuck=$?
  if [[ $stuck == 2 ]]; then
    iac recover --auto-approve
    stuck=$?
    cat "$said"
    iac health --alert --reported "state/reported-$env.json"
    code=$?
    iac_said=$(cat "$said")
  fi
  # 6: somebody is applying; the next run tries again.
  if [[ $stuck != [06] ]]; then
    cat "$said"
    exit "$stuck"
  fi
fi
if [[ $code != 0 ]]; then printf '%s\n' "$iac_said"; fi
exit "$code"
