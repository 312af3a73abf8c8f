"""Trials a second that train nothing, by Optuna's RDB storage: the peer of benches/overhead.rs.

Usage: overhead_optuna.py STORAGE-URL TRIALS
"""

import sys
import time

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def objective(trial):
    trial.suggest_int("encoder.width", 8, 128)
    trial.suggest_categorical("encoder.blocks", [1, 2, 3])
    trial.suggest_float("encoder.dropout", 0.0, 0.5)
    trial.suggest_int("encoder.output", 32, 512)
    trial.suggest_int("temporal.hidden", 16, 256)
    trial.suggest_categorical("temporal.layers", [1, 2])
    trial.suggest_int("tracks.width", 16, 128)
    trial.suggest_float("tracks.dropout", 0.0, 0.5)
    trial.suggest_float("loss.doa_weight", 0.1, 10.0, log=True)
    trial.suggest_float("train.learning_rate", 1e-4, 1e-2, log=True)
    trial.suggest_float("train.weight_decay", 1e-5, 1e-1, log=True)
    trial.suggest_float("backbone.dropout", 0.0, 0.5)
    return trial.number * 7919 % 1000 / 1000


study = optuna.create_study(storage=sys.argv[1], sampler=optuna.samplers.RandomSampler(seed=1))
begun = time.perf_counter()
study.optimize(objective, n_trials=int(sys.argv[2]))
print(int(sys.argv[2]) / (time.perf_counter() - begun))
