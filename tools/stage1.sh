#!/usr/bin/env bash
# Stage 1 alone: which descriptors win on a synthetic dataset, and at what cost. Starts fresh each time. Run by
# `make stage1`, which builds the program before.
#
# STAGE1_MINUTES (of audio), STAGE1_SPACE, STAGE1_SEED and STAGE1_OUT change what is run and where it is left.
set -euo pipefail
cd "$(dirname "$0")/.."

program="${CARGO_TARGET_DIR:-target}/release/at2seld"
out="${STAGE1_OUT:-results/stage1}"
space="${STAGE1_SPACE:-search_spaces/stage1_descriptors.json}"
minutes="${STAGE1_MINUTES:-10}"
seed="${STAGE1_SEED:-1}"
store="sqlite:$out/stage1.db"

study=stage1
. tools/study.sh

rm -rf "$out"
mkdir -p "$out"

echo "== 1/3 dataset: $minutes minutes, of which a quarter of the rooms is held out"
# There is no dataset without a test split; nothing here looks at it.
"$program" data synth "$out/data" --minutes "$minutes" --split 15:1 --rooms 24 --snr 15:30 --seed "$seed" \
  --classes female_speech,clapping,telephone,footsteps,door,music,water_tap,bell

echo "== 2/3 search: every family of descriptors, 2 workers"
launched=yes
"$program" launch "$space" --data "$out/data" --study stage1 --store "$store" --workers 2 --seed "$seed"
launched=no

echo "== 3/3 table"
"$program" leaderboard stage1 --store "$store" --format json >"$out/leaderboard.json"
recording=$(find "$out/data" -name '*.wav' | sort | head -n 1)
python3 tools/stage1_table.py "$out/leaderboard.json" "$program" "$recording" >"$out/.table.md"
mv "$out/.table.md" "$out/table.md"
cat "$out/table.md"
echo
echo "stage1: table in $out/table.md, all trials in $out/stage1.db"
echo "stage1: took $((SECONDS / 60)) min $((SECONDS % 60)) s"
