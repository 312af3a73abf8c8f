#!/usr/bin/env bash
# How good it gets: a staged search on scenes of recorded events, then the winner and the baseline of DCASE 2023, trained
# equally long in minutes with several seeds on all that is for training, and scored on rooms and recordings that neither
# has met.
# Run by `make quality`, which builds the program before. What was interrupted goes on when it is run again; remove
# results/quality to begin anew.
#
# It trains in bf16, which the processor must have; otherwise give it a copy of the space without "precision".
# QUALITY_EVENTS is a folder of recorded events (docs/scenes.md says how it looks), QUALITY_YAMNET a file of YAMNet's
# weights, which are pulled where there is none. QUALITY_MINUTES of training with each of QUALITY_SEEDS; QUALITY_EPOCHS in
# place of minutes, QUALITY_SPACE and QUALITY_OUT change what is run and where it is left.
set -euo pipefail
cd "$(dirname "$0")/.."

program="${CARGO_TARGET_DIR:-target}/release/at2seld"
shared="${AT2SELD_SHARED:-../shared}/data"
events="${QUALITY_EVENTS:-$shared/events}"
yamnet="${QUALITY_YAMNET:-$shared/backbones/yamnet.safetensors}"
out="${QUALITY_OUT:-results/quality}"
space="${QUALITY_SPACE:-search_spaces/quality.json}"
minutes="${QUALITY_MINUTES:-26}"
seeds="${QUALITY_SEEDS:-1 2 3}"
store="sqlite:$out/quality.db"

if [ ! -d "$events" ]; then
  echo "quality: no folder of recorded events at $events: name one by QUALITY_EVENTS" >&2
  exit 2
fi

study=quality
. tools/study.sh

mkdir -p "$out"

echo "== 1/4 dataset: 13 minutes to train on, 7 to validate on, 10 to test on; no two share a room or a recording"
if [ ! -d "$out/data" ]; then
  rm -rf "$out/.data"
  "$program" data synth "$out/.data" --events "$events" --minutes 30 --split 13:7:10 --rooms 21 --rt60 0.2:0.9 \
    --polyphony 3 --moving 0.3 --snr 15:30 --seed 1
  mv "$out/.data" "$out/data"
fi

echo "== 2/4 search"
if [ -f "$yamnet" ]; then
  # The file at hand takes the place of the one that would be pulled.
  cached="${AT2SELD_CACHE:-$HOME/.cache/at2seld}/backbones"
  mkdir -p "$cached"
  cp -n "$yamnet" "$cached/quality-yamnet.safetensors"
  printf '[[backbone]]\nname = "yamnet"\nfile = "quality-yamnet.safetensors"\n' >"$out/backbones.toml"
  export AT2SELD_BACKBONES="$out/backbones.toml"
else
  "$program" backbone pull yamnet
fi
launched=yes
if [ -f "$out/quality.db" ]; then
  "$program" resume quality --store "$store" --workers 2
else
  "$program" launch "$space" --data "$out/data" --study quality --store "$store" --workers 2 --seed 1
fi
launched=no
"$program" leaderboard quality --store "$store"
"$program" leaderboard quality --store "$store" --format json >"$out/leaderboard.json"
"$program" leaderboard quality --store "$store" --sql "select trial, seconds from curves" --format json >"$out/curves.json"

# The winner, and the row of the baseline; their thresholds were chosen on recordings they had not met.
read -r baseline epochs baseline_epochs <<<"$(
  python3 tools/quality_table.py --epochs "$out" "$minutes" ${QUALITY_EPOCHS:+"$QUALITY_EPOCHS"})"
[ -d "$out/at2seld" ] || "$program" export quality --store "$store" --out "$out/at2seld"
[ -d "$out/seldnet" ] || "$program" export --store "$store" --trial "$baseline" --out "$out/seldnet"

echo "== 3/4 training on all 20 minutes: $epochs epochs, seldnet $baseline_epochs, seeds $seeds"
# The same files, of which validation is for training as well.
if [ ! -d "$out/all" ]; then
  mkdir "$out/all"
  ln -s ../data/foa_dev ../data/metadata_dev ../data/classes.txt "$out/all/"
  echo '{"train": [2, 3], "test": [4]}' >"$out/all/folds.json"
fi
# A room must be held out; its recordings are those of other rooms, so that neither the epoch nor thresholds are chosen by it.
# What was begun goes on.
final() {
  local name=$1 seed=$2 passes=$3 run="$out/$1-$2"
  if [ ! -d "$run" ]; then
    echo "-- $name, seed $seed"
    "$program" train "$out/$name/architecture.json" --data "$out/all" --out "$run" --epochs "$passes" --seed "$seed" \
      --validation 0.05 --keep last --threads 1 >>"$run.log" 2>&1
  fi
  cp "$out/$name/thresholds.json" "$run/thresholds.json"
  "$program" eval "$run" --data "$out/all" --split test --format json >"$run.json"
  "$program" eval "$run" --data "$out/all" --split test --thresholds 0.5 --format json >"$run.half.json"
  "$program" eval "$run" --data "$out/all" --split test --thresholds 0.5 --turns 16 --format json >"$run.turned.json"
}
# Winner and baseline at once, each with one of the two cores: together they get through a third more epochs than one after the
# other with two threads.
for seed in $seeds; do
  final at2seld "$seed" "$epochs" &
  final seldnet "$seed" "$baseline_epochs" &
  wait -n
  wait -n
done

echo "== 4/4 table"
python3 tools/quality_table.py "$out" >"$out/.table.md"
mv "$out/.table.md" "$out/table.md"
cat "$out/table.md"
echo
echo "quality: table in $out/table.md, all trials in $out/quality.db"
