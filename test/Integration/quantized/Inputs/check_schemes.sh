# check_schemes.sh CHECKPOINT WORK PYTHON SCHEMES...: the whole model in each scheme
# compiles, runs, says its bits and finds words.
set -eu
model=$1 work=$2 python=$3
shift 3
rm -rf "$work" && mkdir -p "$work"
for scheme; do
  moe-compile "$model" --quantize="$scheme" --effort=fast -o "$work/m.moe" 2> /dev/null
  moe-run "$work/m.moe" --inspect --json > "$work/inspect.json"
  moe-run "$work/m.moe" -p "Story: One day" -n 16 --json > "$work/text.json"
  $python -c "
import json, sys
inspect, text = (json.load(open(sys.argv[1] + '/' + name)) for name in ('inspect.json', 'text.json'))
experts = [s for s in inspect['storage'] if s['kind'] == 'expert']
print('%-12s %.3f bits per quantised weight: %r'
      % (sys.argv[2], inspect['coded_bits_per_weight'], text['text']))
assert [s['scheme'] for s in experts] == [sys.argv[2]], experts
assert 0 < experts[0]['bits_per_weight'] < 9 and inspect['codes'], experts
assert len(text['tokens']) > 0 and '\\ufffd' not in text['text'], text
" "$work" "$scheme"
done
