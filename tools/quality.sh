#!/usr/bin/env bash
# How good it gets: a staged search on scenes of recorded events, then the winner and the baseline of DCASE 2023, trained
# equally long in minutes with several seeds on all that is for training, and scored on rooms and recordings that neither
# has met.
# Run by `make quality`, which builds the program before. Starts fresh each time.
#
# It trains in bf16, which the processor must have; otherwise give it a copy of the space without "precision".
# QUALITY_EVENTS is a folder of recorded events (docs/scenes.md says how it looks). QUALITY_SEEDS, QUALITY_EPOCHS,
# QUALITY_SPACE and QUALITY_OUT change what is run and where it is left.
set -euo pipefail
cd "$(dirname "$0")/.."

program="${CARGO_TARGET_DIR:-target}/release/at2seld"
events="${QUALITY_EVENTS:-${AT2SELD_SHARED:-../shared}/data/events}"
out="${QUALITY_OUT:-results/quality}"
space="${QUALITY_SPACE:-search_spaces/quality.json}"
epochs="${QUALITY_EPOCHS:-170}"
seeds="${QUALITY_SEEDS:-1 2 3}"
store="sqlite:$out/quality.db"

if [ ! -d "$events" ]; then
  echo "quality: no folder of recorded events at $events: name one by QUALITY_EVENTS" >&2
  exit 2
fi

study=quality
. tools/study.sh

rm -rf "$out"
mkdir -p "$out"

echo "== 1/4 dataset: 16 minutes to train on, 4 to validate on, 10 to test on; no two share a room or a recording"
"$program" data synth "$out/data" --events "$events" --minutes 30 --split 16:4:10 --rooms 21 --rt60 0.2:0.9 \
  --polyphony 3 --moving 0.3 --snr 15:30 --seed 1

echo "== 2/4 search"
launched=yes
"$program" launch "$space" --data "$out/data" --study quality --store "$store" --workers 1 --seed 1
launched=no
"$program" leaderboard quality --store "$store"
"$program" leaderboard quality --store "$store" --format json >"$out/leaderboard.json"

# The winner, and the row of the baseline; their thresholds were chosen on recordings they had not met.
"$program" export quality --store "$store" --out "$out/at2seld"
read -r baseline baseline_epochs <<<"$(python3 tools/quality_table.py --baseline "$out/leaderboard.json" "$epochs")"
"$program" export --store "$store" --trial "$baseline" --out "$out/seldnet"

echo "== 3/4 training on all 20 minutes: $epochs epochs, seldnet $baseline_epochs, seeds $seeds"
# The same files, of which validation is for training as well.
mkdir "$out/all"
ln -s ../data/foa_dev ../data/metadata_dev ../data/classes.txt "$out/all/"
echo '{"train": [2, 3], "test": [4]}' >"$out/all/folds.json"
for seed in $seeds; do
  for name in at2seld seldnet; do
    run="$out/$name-$seed"
    passes=$epochs
    [ "$name" = at2seld ] || passes=$baseline_epochs
    echo "-- $name, seed $seed"
    begin=$SECONDS
    # A room is held out to choose the epoch by; the thresholds that it would give are not used.
    "$program" train "$out/$name/architecture.json" --data "$out/all" --out "$run" --epochs "$passes" --seed "$seed" \
      --validation 0.05 --threads 2 >"$run.log" 2>&1
    echo $((SECONDS - begin)) >"$run.seconds"
    cp "$out/$name/thresholds.json" "$run/thresholds.json"
    "$program" eval "$run" --data "$out/all" --split test --format json >"$run.json"
    "$program" eval "$run" --data "$out/all" --split test --thresholds 0.5 --format json >"$run.half.json"
  done
done

echo "== 4/4 table"
python3 tools/quality_table.py "$out" >"$out/.table.md"
mv "$out/.table.md" "$out/table.md"
cat "$out/table.md"
echo
echo "quality: table in $out/table.md, all trials in $out/quality.db"
echo "quality: took $((SECONDS / 60)) min $((SECONDS % 60)) s"
