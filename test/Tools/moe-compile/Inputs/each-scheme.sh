#!/bin/sh
# each-scheme.sh TOOLS MODEL FOLDER <SCHEMES: compiles the model with every scheme and
# has the module and the report checked.
set -e
count=0
while read -r scheme; do
  "$1/moe-compile" "$2" --target=null --quantize="$scheme" -o "$3/x.moe" --quant-report="$3/x.json"
  "$1/moe-run" --inspect --json "$3/x.moe" >"$3/inspect.json"
  grep -c "\"scheme\": \"$scheme\"" "$3/x.json" | grep -qx 5
  grep -q "\"scheme\": \"$scheme\"" "$3/inspect.json"
  if grep -i 'nan\|inf' "$3/x.json"; then exit 1; fi
  count=$((count + 1))
done
test "$count" -ge 8
