"""Hyperparameters: Optuna's TPE on the validation rows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from foretable.declare.candidates import Between, Candidate
from foretable.errors import TrainingError
from foretable.train.result import Trial

if TYPE_CHECKING:
    import optuna

SEARCH_ROWS = 40_000
"""Trials fit at most so many training rows; the winner is fitted to all of them."""

Objective = Callable[[Mapping[str, Any]], float]


def search(
    candidate: Candidate,
    objective: Objective,
    *,
    trials: int,
    seed: int,
    higher_is_better: bool,
    listen: Callable[[Trial], None],
) -> tuple[dict[str, Any], tuple[Trial, ...]]:
    """Find the parameters of a candidate.

    A candidate without ranges has nothing to search. The seed fixes what is tried.

    Parameters
    ----------
    candidate
        Its fixed parameters and ranges.
    objective
        From parameters to the metric on the validation rows.
    trials
        How many parameter sets to try.
    higher_is_better
        Direction of the metric.
    listen
        Told about every trial.

    Returns
    -------
    tuple
        The best parameters and all trials.
    """
    ranges = {name: value for name, value in candidate.parameters.items() if isinstance(value, Between)}
    fixed = {name: value for name, value in candidate.parameters.items() if name not in ranges}
    if not ranges:
        return fixed, ()
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize" if higher_is_better else "minimize", sampler=optuna.samplers.TPESampler(seed=seed))
    done: list[Trial] = []
    for number in range(trials):
        asked = study.ask()
        parameters = {**fixed, **{name: _suggest(asked, name, value) for name, value in ranges.items()}}
        started = time.perf_counter()
        value = objective(parameters)
        failed = not math.isfinite(value)
        study.tell(asked, None if failed else value, state=optuna.trial.TrialState.FAIL if failed else None)
        state = "FAILED" if failed else "COMPLETE"
        done.append(Trial(candidate.name, number, parameters, value, state, time.perf_counter() - started))
        listen(done[-1])
    complete = [trial for trial in done if trial.state == "COMPLETE"]
    if not complete:
        raise TrainingError(f"no trial of {candidate.name} gave a usable model", hint="narrow its ranges")
    best = (max if higher_is_better else min)(complete, key=lambda trial: trial.value)
    return dict(best.parameters), tuple(done)


def _suggest(trial: optuna.Trial, name: str, value: Between) -> int | float:
    if isinstance(value.low, int) and isinstance(value.high, int):
        return trial.suggest_int(name, value.low, value.high, log=value.log)
    return trial.suggest_float(name, value.low, value.high, log=value.log)


def search_sample(outcome: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to search on, and what each stands for.

    The rarer class is kept whole as long as it fills at most half; weights make up for the rest, so
    that the sample has the base rate of all rows.

    Parameters
    ----------
    outcome
        0 or 1 per training row.
    seed
        Of the draw.

    Returns
    -------
    tuple of numpy.ndarray
        Positions, ascending, and weights that add up to the number of rows.
    """
    if len(outcome) <= SEARCH_ROWS:
        return np.arange(len(outcome)), np.ones(len(outcome))
    generator = np.random.default_rng(seed)
    classes = [np.flatnonzero(outcome == value) for value in (0, 1)]
    chosen, weights = [], []
    for rows, others in (classes, classes[::-1]):
        room = max(SEARCH_ROWS - len(others), SEARCH_ROWS // 2)
        kept = rows if len(rows) <= room else generator.choice(rows, room, replace=False)
        chosen.append(kept)
        weights.append(np.full(len(kept), len(rows) / len(kept)))
    positions, all_weights = np.concatenate(chosen), np.concatenate(weights)
    order = np.argsort(positions)
    return positions[order], all_weights[order]
