"""Hyperparameters: Optuna's TPE, a trial that is behind is stopped early."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from foretable.declare.candidates import Among, Between, Candidate
from foretable.errors import TrainingError
from foretable.train.result import Trial

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

Objective = Callable[[Mapping[str, Any], int], float]
"""From parameters and the number of a fold to the metric on it."""
WORDS = {"COMPLETE": "COMPLETE", "PRUNED": "PRUNED", "FAIL": "FAILED"}
"""What the states of Optuna are called in ``foretable.trials``."""
Ranges = Mapping[str, Between | Among]


def search(
    candidate: Candidate,
    objective: Objective,
    *,
    folds: int,
    trials: int,
    seed: int,
    higher_is_better: bool,
    earlier: Sequence[Trial],
    tell: Callable[[Trial], None],
) -> tuple[dict[str, Any], tuple[Trial, ...]]:
    """Find the parameters of a candidate.

    A candidate without ranges has nothing to search. What trial n tries follows from the seed, n and the trials before it
    alone, so that a search that goes on from ``earlier`` ones tries what it would have tried without a stop.

    Parameters
    ----------
    candidate
        Its fixed parameters and ranges.
    objective
        The metric on a fold; a number that is not finite fails the trial.
    folds
        How many there are. After each a trial is compared with those before it, by their mean up to there: below
        the median it is stopped (Optuna's MedianPruner; the first five are never stopped).
    trials
        How many parameter sets to try, those of ``earlier`` included.
    seed
        Of the sampler.
    higher_is_better
        Direction of the metric.
    earlier
        Trials of the same search that are done already, from the first on.
    tell
        Told about every new trial.

    Returns
    -------
    tuple
        The best parameters of the trials that saw every fold, and all trials.
    """
    ranges: Ranges = {name: value for name, value in candidate.parameters.items() if isinstance(value, Between | Among)}
    fixed = {name: value for name, value in candidate.parameters.items() if name not in ranges}
    if not ranges:
        return fixed, ()
    done = list(earlier[:trials])
    study = _study(ranges, done, higher_is_better)
    for number in range(len(done), trials):
        study.sampler = _sampler(seed, number)
        asked = study.ask()
        parameters = {**fixed, **{name: _suggest(asked, name, value) for name, value in ranges.items()}}
        done.append(_tried(candidate.name, study, asked, parameters, objective, folds))
        tell(done[-1])
    complete = [trial for trial in done if trial.state == "COMPLETE"]
    if not complete:
        raise TrainingError(f"no trial of {candidate.name} gave a usable model", hint="narrow its ranges")
    best = (max if higher_is_better else min)(complete, key=lambda trial: trial.value)
    return dict(best.parameters), tuple(done)


def _tried(name: str, study: optuna.Study, asked: optuna.Trial, parameters: Mapping[str, Any], objective: Objective, folds: int) -> Trial:
    """Measure parameters fold by fold, as long as they are not behind."""
    from optuna.trial import TrialState

    started, state, found = time.perf_counter(), TrialState.COMPLETE, list[float]()
    for fold in range(folds):
        found.append(objective(parameters, fold))
        if not math.isfinite(found[-1]):
            state = TrialState.FAIL
            break
        asked.report(_means(found)[-1], fold)
        if fold < folds - 1 and asked.should_prune():
            state = TrialState.PRUNED
            break
    value = _means(found)[-1]
    study.tell(asked, value if state == TrialState.COMPLETE else None, state=state)
    when = datetime.now(UTC).replace(tzinfo=None)
    return Trial(name, asked.number, parameters, value, WORDS[state.name], time.perf_counter() - started, tuple(found), when)


def _means(values: Sequence[float]) -> list[float]:
    """The mean of the first, of the first two, and so on."""
    return [total / (position + 1) for position, total in enumerate(accumulate(values))]


def _study(ranges: Ranges, done: Sequence[Trial], higher_is_better: bool) -> optuna.Study:
    """A study that knows the trials that are done."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize" if higher_is_better else "minimize", pruner=optuna.pruners.MedianPruner())
    states = {word: optuna.trial.TrialState[name] for name, word in WORDS.items()}
    for trial in done:
        known = optuna.trial.create_trial(
            state=states[trial.state],
            value=None if trial.state == "FAILED" else trial.value,
            params={name: _asked(value, trial.parameters[name]) for name, value in ranges.items()},
            distributions={name: _distribution(value) for name, value in ranges.items()},
            intermediate_values={step: mean for step, mean in enumerate(_means(trial.folds)) if math.isfinite(mean)},
        )
        study.add_trial(known)
    return study


def _sampler(seed: int, number: int) -> optuna.samplers.BaseSampler:
    """A sampler of its own for every trial: one that went on drawing would not know where an earlier process stopped."""
    import optuna

    digest = hashlib.blake2b(f"{seed} {number}".encode(), digest_size=4).digest()
    return optuna.samplers.TPESampler(seed=int.from_bytes(digest, "big"))


def _distribution(value: Between | Among) -> BaseDistribution:
    from optuna import distributions

    if isinstance(value, Among):
        return distributions.CategoricalDistribution(range(len(value.values)))
    if isinstance(value.low, int) and isinstance(value.high, int):
        return distributions.IntDistribution(value.low, value.high, log=value.log)
    return distributions.FloatDistribution(value.low, value.high, log=value.log)


def _suggest(trial: optuna.Trial, name: str, value: Between | Among) -> Any:
    if isinstance(value, Among):
        return value.values[trial.suggest_categorical(name, range(len(value.values)))]
    if isinstance(value.low, int) and isinstance(value.high, int):
        return trial.suggest_int(name, value.low, value.high, log=value.log)
    return trial.suggest_float(name, value.low, value.high, log=value.log)


def _asked(value: Between | Among, found: Any) -> Any:
    """What the sampler gave where the parameter was ``found``: of values, the position."""
    if not isinstance(value, Among):
        return found
    return [json.dumps(each) for each in value.values].index(json.dumps(found))
