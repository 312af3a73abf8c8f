"""Optuna's searches on a table of recorded results, counted as `at2seld simulate` counts: the peer of its figures.

Needs Python with optuna, scipy and zstandard; for `gp` also torch.

Usage: simulate_optuna.py TABLE SAMPLER PRUNER BUDGETS SEEDS [PROCESSES]
    SAMPLER: tpe, gp, nsga2 or random; PRUNER: none, hyperband, halving or median; BUDGETS: whole trainings, as in 25,50,100
"""

import io
import json
import math
import multiprocessing
import sys
import time

import optuna
import zstandard

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Table:
    def __init__(self, path):
        with open(path, "rb") as file:
            lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
            self.header = json.loads(next(lines))
            self.rows = [json.loads(line) for line in lines if line.strip()]
        self.space = self.header["space"]
        fidelity = self.header.get("fidelity")
        self.steps = fidelity["max"] if fidelity else 1
        self.is_exact = self.header["lookup"] == "exact"
        if self.is_exact:
            self.known = {self.key(row["params"]): row for row in self.rows}
        else:
            self.points = [self.place(row["params"]) for row in self.rows]

    def key(self, params):
        return tuple(params[name] for name in self.space)

    def place(self, params):
        return [
            (math.log(params[name]) - math.log(domain["low"])) / (math.log(domain["high"]) - math.log(domain["low"]))
            for name, domain in self.space.items()
        ]

    def find(self, params):
        if self.is_exact:
            return self.known[self.key(params)]
        own = self.place(params)
        distances = [sum((a - b) ** 2 for a, b in zip(own, point)) for point in self.points]
        return self.rows[distances.index(min(distances))]

    def suggest(self, trial):
        params = {}
        for name, domain in self.space.items():
            if domain["type"] == "categorical":
                params[name] = trial.suggest_categorical(name, domain["choices"])
            elif domain["type"] == "int":
                params[name] = trial.suggest_int(name, domain["low"], domain["high"], step=domain.get("step", 1))
            else:
                params[name] = trial.suggest_float(name, domain["low"], domain["high"], log=domain.get("log", False))
        return params


def sampler(name, seed):
    if name == "gp":
        import torch

        torch.set_num_threads(1)
        return optuna.samplers.GPSampler(seed=seed)
    kinds = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed),
        "nsga2": lambda: optuna.samplers.NSGAIISampler(seed=seed),
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
    }
    return kinds[name]()


def pruner(name, steps):
    kinds = {
        "none": lambda: optuna.pruners.NopPruner(),
        "hyperband": lambda: optuna.pruners.HyperbandPruner(min_resource=1, max_resource=steps, reduction_factor=3),
        "halving": lambda: optuna.pruners.SuccessiveHalvingPruner(),
        "median": lambda: optuna.pruners.MedianPruner(),
    }
    return kinds[name]()


def search(job):
    path, sampler_name, pruner_name, budgets, seed = job
    table = Table(path)
    header = table.header
    study = optuna.create_study(sampler=sampler(sampler_name, seed), pruner=pruner(pruner_name, table.steps))
    incumbent, spent, marks = header["failed_value"], 0, []
    while len(marks) < len(budgets):
        trial = study.ask()
        curve = table.find(table.suggest(trial))["curve"]
        value, outcome = None, optuna.trial.TrialState.COMPLETE
        for step, value in enumerate(curve, start=1):
            spent += 1
            if value is None:
                value = header["failed_value"]
                break
            trial.report(value, step)
            if step < table.steps and trial.should_prune():
                outcome = optuna.trial.TrialState.PRUNED
                break
        study.tell(trial, value if outcome == optuna.trial.TrialState.COMPLETE else None, state=outcome)
        before = incumbent
        if outcome == optuna.trial.TrialState.COMPLETE:
            incumbent = min(incumbent, value)
        while len(marks) < len(budgets) and spent >= budgets[len(marks)] * table.steps:
            # A trial that goes beyond a budget does not count for it.
            exact = spent == budgets[len(marks)] * table.steps
            marks.append(incumbent if exact else before)
    scale = header["median"] - header["optimum"]
    return [100.0 * (mark - header["optimum"]) / scale for mark in marks]


def main():
    path, sampler_name, pruner_name, budgets, seeds = sys.argv[1:6]
    processes = int(sys.argv[6]) if len(sys.argv) > 6 else 1
    budgets = sorted(int(budget) for budget in budgets.split(","))
    jobs = [(path, sampler_name, pruner_name, budgets, seed) for seed in range(1, int(seeds) + 1)]
    begun = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        regrets = pool.map(search, jobs, chunksize=1)
    from scipy.stats import t

    cells = []
    for budget, column in zip(budgets, zip(*regrets)):
        mean = sum(column) / len(column)
        spread = math.sqrt(sum((x - mean) ** 2 for x in column) / (len(column) - 1))
        half = t.ppf(0.975, len(column) - 1) * spread / math.sqrt(len(column))
        cells.append(f"{budget}: {mean:.2f} ± {half:.2f}")
    name = f"{sampler_name} + {pruner_name}"
    print(f"{path.rsplit('/', 1)[-1]}  {name}  {'  '.join(cells)}  ({time.perf_counter() - begun:.0f} s)")


if __name__ == "__main__":
    main()
