#!/usr/bin/env bash
# The whole path once, small: a synthetic dataset, a search in three stages, export and test score.
# Starts fresh each time. Run by `make demo`, which builds the program before.
set -euo pipefail
cd "$(dirname "$0")/.."

program="${CARGO_TARGET_DIR:-target}/release/at2seld"
out=results/demo
store="sqlite:$out/demo.db"
workers=2

study=demo
. tools/study.sh

rm -rf "$out"
mkdir -p "$out"

echo "== 1/4 dataset: about 8 minutes to train on, 3 in other rooms to test on"
"$program" data synth "$out/data" --minutes 11 --split 8:3 --rooms 22 --snr 15:30 --seed 1 \
  --classes female_speech,clapping,telephone,footsteps,door,music,water_tap,bell

echo "== 2/4 search: three stages, $workers workers"
launched=yes
"$program" launch search_spaces/demo.json --data "$out/data" --study demo --store "$store" \
  --workers "$workers" --seed 1
launched=no

for stage in input-features encoder-capacity fusion-placement; do
  echo "== leaderboard of stage $stage"
  "$program" leaderboard demo --stage "$stage" --store "$store"
done

echo "== 3/4 export of the winner"
"$program" export demo --store "$store" --out "$out/export"

echo "== 4/4 test score of the exported winner"
"$program" eval "$out/export" --data "$out/data" --split test --format json >"$out/.metrics.json"
mv "$out/.metrics.json" "$out/metrics.json"

python3 - "$out/metrics.json" <<'PYTHON'
import json
import sys

metrics = json.load(open(sys.argv[1]))
names = ["ER", "F", "LE", "LR", "SELD"]


def row(label, values):
    cells = ["%10s" % "-" if values.get(n) is None else "%10.3f" % values[n] for n in names]
    print("%-10s%s" % (label, "".join(cells)))


print("%-10s%s" % ("class", "".join("%10s" % n for n in names)))
for index, values in enumerate(metrics.get("classwise") or []):
    row(str(values.get("name", values.get("class", index))), values)
row("all", metrics)
PYTHON

score=$(python3 -c '
import json, sys
m = json.load(open(sys.argv[1]))
shown = {k: "undefined" if m[k] is None else "%.3f" % m[k] for k in ("SELD", "F", "LE", "LR")}
print("SELD {SELD}, F20 {F}, LE_CD {LE} deg, LR_CD {LR}".format(**shown))' "$out/metrics.json")
echo
echo "demo: export in $out/export, scores in $out/metrics.json, all trials in $out/demo.db"
echo "demo: on the test rooms $score"
echo "demo: took $((SECONDS / 60)) min $((SECONDS % 60)) s"
