"""What `make quality` measured, as a Markdown table.

Usage: quality_table.py FOLDER
           the table
       quality_table.py --epochs FOLDER MINUTES [EPOCHS]
           the number of the baseline's trial, and how many epochs winner and baseline get for as many minutes of training,
           by their pace in the search; of the winner EPOCHS, if given, and of the baseline as long
"""

import glob
import json
import math
import os
import re
import statistics
import sys

SCORES = ["SELD", "ER", "F", "LE", "LR"]
# What turned activities into events, and the ending of the files.
KINDS = [("0.5", ".half.json"), ("0.5, 16 turns", ".turned.json"), ("of the search", ".json")]
HEADS = ["network", "thresholds", "seeds", "SELD", "ER20", "F20", "LE_CD", "LR_CD", "minutes of training"]
# Two-sided 95 % points of Student's t distribution, by degrees of freedom.
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def interval(values, digits):
    mean = statistics.mean(values)
    if len(values) < 2 or len(values) - 1 not in STUDENT:
        return f"{mean:.{digits}f}"
    half = STUDENT[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def runs(folder, name, ending):
    pattern = re.compile(rf"{name}-(\d+){re.escape(ending)}$")
    found = [(pattern.search(path), path) for path in glob.glob(os.path.join(folder, f"{name}-*{ending}"))]
    return [path for match, path in sorted(found, key=lambda item: item[1]) if match]


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def seconds(log):
    """Of all epochs; those that were begun again after an interruption count twice."""
    with open(log, encoding="utf-8") as file:
        return sum(float(found) for found in re.findall(r"^epoch .* ([0-9.]+) s\s*$", file.read(), re.MULTILINE))


def row(folder, name, thresholds, ending):
    scores = [read(path) for path in runs(folder, name, ending)]
    # A score that is not defined (no event was found) counts as the worst there is.
    worst = {"LE": 180.0, "LR": 0.0}
    column = lambda key: [worst[key] if score[key] is None else score[key] for score in scores]
    minutes = [seconds(path) / 60 for path in runs(folder, name, ".log")]
    cells = [interval(column(key), 1 if key == "LE" else 3) for key in SCORES]
    return [name, thresholds, str(len(scores)), *cells, f"{statistics.mean(minutes):.1f}"], statistics.mean(column("SELD"))


def table(folder):
    print("| " + " | ".join(HEADS) + " |")
    print("|" + " --- |" * 2 + " ---: |" * (len(HEADS) - 2))
    means = {}
    for name in ["at2seld", "seldnet"]:
        for thresholds, ending in KINDS:
            cells, means[name, thresholds] = row(folder, name, thresholds, ending)
            print("| " + " | ".join(cells) + " |")
    # Thresholds of the search belong to networks that were trained for less time: what counts is 0.5, chosen by nobody.
    below = {kind: 100 * (1 - means["at2seld", kind] / means["seldnet", kind]) for kind, _ in KINDS}
    print("\nMean ± half of the 95 % interval over seeds. With a threshold of 0.5, SELD of at2seld is "
          f"{below['0.5']:.0f} % below that of seldnet, and {below['0.5, 16 turns']:.0f} % when both hear everything 16 times, "
          "turned otherwise.")


def epochs(folder, minutes, winner_epochs=None):
    trials = read(os.path.join(folder, "leaderboard.json"))
    curves = read(os.path.join(folder, "curves.json"))
    reference = next(trial for trial in trials if dict(trial["parameters"]).get("preset") == "seldnet")
    winner = next(trial for trial in trials if trial["stage"] == trials[-1]["stage"] and trial["rank"] == 1)
    # What other programs took from some epochs is not counted: the median. An epoch of the search trains on 13 of the 20
    # minutes, and validates on the others, which costs a third.
    median = lambda trial: statistics.median(point["seconds"] for point in curves if point["trial"] == trial["trial"])
    pace = lambda trial: median(trial) * 20 / (13 + 7 / 3)
    of_winner = winner_epochs or int(minutes * 60 / pace(winner))
    print(reference["trial"], of_winner, round(of_winner * pace(winner) / pace(reference)))


if sys.argv[1] == "--epochs":
    epochs(sys.argv[2], float(sys.argv[3]), *map(int, sys.argv[4:]))
else:
    table(sys.argv[1])
