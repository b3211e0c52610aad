# schedule.sh PYTHON MODULE: the schedule that the module's metadata holds.
set -e
moe-run --inspect --json "$2" >"$2.json"
exec "$1" "$(dirname "$0")/schedule.py" "$2" "$2.json"
