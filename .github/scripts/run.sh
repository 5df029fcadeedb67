#!/usr/bin/env bash
# Runs one raceday-iac command, writes its reports, and reports to the workflow what came of it.
# In: IAC_COMMAND, IAC_ENV, IAC_STACK, IAC_REPORTS, IAC_PLAN_FILE, IAC_PLAN_ID, IAC_PROMOTE_FROM, IAC_ALLOW_DATA_LOSS
# (blanks or line ends between them), IAC_ARGUMENTS (one on each line).
# Ends with 0 for every answer (nothing to do, changes, drift, unhealthy), and with the command's own code for every
# failure.
set -euo pipefail
mkdir -p "$IAC_REPORTS"
reports=$(cd "$IAC_REPORTS" && pwd)
markdown="$reports/$IAC_COMMAND.md" html="$reports/$IAC_COMMAND.html" svg="$reports/$IAC_COMMAND.svg"
rm -f "$markdown" "$html" "$svg"

plan_id() { # of a plan file
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1], encoding="utf-8"))["id"])' "$1"
}

words=("$IAC_COMMAND" --no-color)
answers=" 0 "
# What is promoted names its environments itself.
chosen=(--env "$IAC_ENV")
case "$IAC_COMMAND" in
  plan)
    if [[ -n ${IAC_PROMOTE_FROM:-} ]]; then
      words=(promote "$IAC_PROMOTE_FROM" "$IAC_ENV" --no-color)
      chosen=()
    fi
    words+=(--detailed-exitcode --markdown "$markdown" --html "$html" --svg "$svg")
    if [[ -n $IAC_PLAN_FILE ]]; then words+=(--out "$IAC_PLAN_FILE"); fi
    answers=" 0 2 "
    ;;
  drift)
    words+=(--verbose --markdown "$markdown" --html "$html")
    answers=" 0 2 3 4 "
    ;;
  health)
    words+=(--markdown "$markdown" --html "$html")
    answers=" 0 7 8 "
    ;;
  recover)
    # Somebody else holds the lock of the state (6): what is stuck is ended by the next run.
    answers=" 0 2 6 "
    ;;
  apply)
    if [[ -z $IAC_PLAN_FILE ]]; then
      echo "::error::apply needs plan-file: only a plan that was saved, and can be approved, is applied"
      exit 1
    fi
    if [[ -n $IAC_PLAN_ID && $(plan_id "$IAC_PLAN_FILE") != "$IAC_PLAN_ID" ]]; then
      echo "::error::$IAC_PLAN_FILE is not the plan that was approved"
      exit 1
    fi
    words+=("$IAC_PLAN_FILE")
    ;;
  lint) ;;
  *)
    echo "::error::command is plan, drift, apply, lint, health or recover"
    exit 1
    ;;
esac
read -r -a permissions <<< "${IAC_ALLOW_DATA_LOSS//$'\n'/ }"
for permission in "${permissions[@]}"; do
  if [[ $IAC_COMMAND != plan ]]; then
    echo "::error::allow-data-loss belongs to plan: a saved plan holds what was allowed"
    exit 1
  fi
  # A number that nobody repeated was read by nobody.
  if [[ ! $permission =~ =([0-9]+\+?|unknown)$ ]]; then
    echo "::error::allow-data-loss is ADDRESS=NUMBER, with the number that the plan shows: $permission"
    exit 1
  fi
  words+=(--allow-data-loss "$permission")
done
while IFS= read -r word; do
  if [[ -n $word ]]; then words+=("$word"); fi
done <<< "$IAC_ARGUMENTS"

code=0
# Without one, the program takes the only stack of the folder.
if [[ -n $IAC_STACK ]]; then chosen+=(--stack "$IAC_STACK"); fi
raceday-iac "${words[@]}" "${chosen[@]}" || code=$?

{
  echo "exit-code=$code"
  case "$IAC_COMMAND:$code" in plan:2 | drift:2 | drift:4 | recover:2) echo "has-changes=true" ;; *) echo "has-changes=false" ;; esac
  case "$IAC_COMMAND:$code" in drift:3 | drift:4) echo "has-drift=true" ;; *) echo "has-drift=false" ;; esac
  if [[ $IAC_COMMAND == plan && -n $IAC_PLAN_FILE && $answers == *" $code "* ]]; then
    echo "plan-id=$(plan_id "$IAC_PLAN_FILE")"
  fi
  for name in markdown html svg; do
    if [[ -e ${!name} ]]; then echo "$name=${!name}"; fi
  done
} >> "$GITHUB_OUTPUT"
if [[ -e $markdown ]]; then cat "$markdown" >> "$GITHUB_STEP_SUMMARY"; fi
if [[ $answers != *" $code "* ]]; then exit "$code"; fi
