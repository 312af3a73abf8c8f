"""The leaderboard of a search over descriptors as a Markdown table.

Usage: stage1_table.py LEADERBOARD.json PROGRAM RECORDING.wav

The recording tells how many channels each descriptor has.
"""

import json
import os
import subprocess
import sys
import tempfile

COLUMNS = ["rank", "descriptors", "grid", "channels", "SELD", "F20", "LE_CD", "LR_CD", "parameters", "MMAC/s", "s"]
GRID = {"features.scale": "{}", "features.bands": "{} bands", "features.n_fft": "n_fft {}", "features.hop": "hop {}"}


def channels(program, recording, descriptors):
    """How many channels these descriptors have together."""
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "features", recording, "--descriptor", ",".join(descriptors), "--format", "json"]
        command += ["--out", os.path.join(folder, "features.safetensors")]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return sum(one["channels"] for one in json.loads(printed))


def number(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def row(trial, count):
    sampled = dict(trial["parameters"])
    grid = [text.format(sampled[key]) for key, text in GRID.items() if key in sampled]
    return [
        "-" if trial["rank"] is None else str(trial["rank"]),
        ", ".join(sampled["features.descriptors"]),
        ", ".join(grid),
        str(count),
        number(trial["seld"], 3),
        number(trial["f20"], 3),
        number(trial["le_cd"], 1),
        number(trial["lr_cd"], 3),
        number(trial["params"], 0),
        number(None if trial["macs"] is None else trial["macs"] / 1e6, 1),
        number(trial["seconds"], 0),
    ]


def main():
    leaderboard, program, recording = sys.argv[1:]
    with open(leaderboard, encoding="utf-8") as file:
        trials = json.load(file)
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + " --- |" * 3 + " ---: |" * (len(COLUMNS) - 3))
    for trial in trials:
        descriptors = dict(trial["parameters"])["features.descriptors"]
        print("| " + " | ".join(row(trial, channels(program, recording, descriptors))) + " |")


main()
