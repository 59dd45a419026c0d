"""A version in a few plain sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from foretable.report.beside import verdict
from foretable.report.curves import at_threshold
from foretable.report.reading import Known, Named
from foretable.report.value import intervals_said, tops_said, total_said
from foretable.report.words import count, measured, moment, number, percent, value
from foretable.train.result import Finding

SEVERITIES = ("refused", "warning", "note")


class Said(NamedTuple):
    """What the summary says on one matter; ``tone`` is good, bad, or nothing."""

    matter: str
    text: str
    tone: str = ""


def summary(known: Known) -> list[Said]:
    """What the model predicts, who answers, how good it is and what speaks against it; what is not known is left out."""
    parts: Sequence[Callable[[Known], Said | None]] = (_predicts, _answers, _learned, _quality, _chance)
    rest: Sequence[Callable[[Known], Said | None]] = (_gate, _threshold, _findings)
    first = [said for part in parts if (said := part(known)) is not None]
    return [*first, *of_value(known), *(said for part in rest if (said := part(known)) is not None)]


def of_value(known: Known) -> list[Said]:
    """Of a predicted number: beside simple baselines, where the value is, its total, its intervals."""
    matters = {"Against baselines": verdict, "The total": total_said, "Intervals": intervals_said}
    said = {matter: Said(matter, *found) for matter, told in matters.items() if (found := told(known)) is not None}
    tops = tops_said(known)
    if tops is not None:
        said["Where the value is"] = Said("Where the value is", tops)
    return [said[matter] for matter in ("Against baselines", "Where the value is", "The total", "Intervals") if matter in said]


def _predicts(known: Known) -> Said:
    signature = known.version.signature
    what = {
        "classification": f"the probability (0 to 1) that {signature.label} is 1",
        "multiclass": f"which of {len(signature.classes)} values {signature.label} has ({value(signature.classes)})",
        "regression": f"the number {signature.label}, in its own unit",
    }[signature.task]
    features = count(len(signature.features), "feature")
    return Said("What it predicts", f"From {features} of a row it foretells {what}; in SQL the answer is {signature.output}.")


def _answers(known: Known) -> Said:
    version, aliases = known.version, [alias for alias in known.aliases if alias != "champion"]
    also = f" It is also called {', '.join(aliases)}." if aliases else ""
    if known.champion == version.version:
        return Said("Who answers", f"{version} is the champion: predict_{version.model}() calls it.{also}", "good")
    is_ = f" {version} is {', '.join(aliases)}." if aliases else f" No name points to {version}."
    if known.champion is None:
        return Said("Who answers", f"The model has no champion yet.{is_}", "bad")
    return Said("Who answers", f"The champion is {version.model}@{known.champion}.{is_}")


def _learned(known: Known) -> Said:
    version = known.version
    span = f", as of {moment(version.as_of_from)} to {moment(version.as_of_to)}" if version.as_of_from is not None else ""
    how = {"registered": ", registered from outside the training", "imported": ", imported"}.get(version.origin, "")
    judged = f"; judged on {count(version.test_rows)} that were held out" if version.test_rows else "; judged on no rows"
    rows = f"training set {version.training_set} of {count(version.row_count)}{span}"
    return Said("How it was made", f"{version.candidate}{how}; {rows}{judged}. Made on {version.created_at:%Y-%m-%d at %H:%M} UTC.")


def _quality(known: Known) -> Said | None:
    task, found = known.version.signature.task, {metric: known.evaluation(metric) for metric in ("roc_auc", "pr_auc", "accuracy", "mae")}
    roc, precision, accuracy, error = found.values()
    parts = []
    if roc is not None:
        pairs = "a row of a class and one of another" if task == "multiclass" else "a positive and a negative row"
        parts.append(f"ROC-AUC {measured(roc)}: of {pairs}, it ranks the two right in {percent(roc.value)} of cases")
    rate, lift, ranks = (known.evaluation(metric) for metric in ("positive_rate", "lift_at_10pct", "spearman"))
    if precision is not None and rate is not None:
        parts.append(f"PR-AUC {measured(precision)}, where chance gives {percent(rate.value)}")
    if lift is not None:
        parts.append(f"the tenth of the rows that it puts first holds {number(lift.value, 1)} times as many positives as a tenth at random")
    if accuracy is not None:
        parts.append(f"its most probable class is right in {percent(accuracy.value)} of rows ({measured(accuracy)})")
    if error is not None:
        squared = f" (RMSE {measured(known.evaluation('rmse'))})" if known.evaluation("rmse") else ""
        parts.append(f"it is off by {measured(error)} on average{squared}, in the unit of the label")
    if ranks is not None:
        parts.append(f"rank correlation {measured(ranks)}")
    return Said("How good it is", f"On the held-out rows: {'; '.join(parts)}. Intervals are 95 %.") if parts else None


def _chance(known: Known) -> Said | None:
    found = [finding for finding in known.findings if finding.check == "chance"]
    if not found:
        return None
    return Said("Against chance", _sentence(found[0].message), "bad" if found[0].severity == "refused" else "good")


def _gate(known: Known) -> Said | None:
    named = [each for each in known.history if each.version == known.version.version and each.alias != "archived"]
    if not named:
        return Said("What the gate said", "Nothing: no name was ever given to this version.")
    last = next((each for each in reversed(named) if each.alias == "champion"), named[-1])
    return Said("What the gate said", _sentence(f"{last.alias} on {last.set_at:%Y-%m-%d}: {gate_words(known, last)}"))


def gate_words(known: Known, named: Named) -> str:
    """The reason of a name, and which version it speaks of."""
    if named.judged is not None:
        return f"second of its training, where the gate said of {known.version.model}@{named.judged}: {named.reason}"
    return named.reason


def _threshold(known: Known) -> Said | None:
    signature = known.version.signature
    if signature.task != "classification":
        return None
    chosen = known.evaluation("threshold", "validation")
    span = f" (chosen by worth; the best lies between {value(chosen.low)} and {value(chosen.high)})" if chosen is not None else ""
    parts = [f"A row is flagged from a probability of {value(signature.threshold)} on{span}"]
    if signature.by_segment is not None:
        parts[0] += f", with thresholds of their own for {len(signature.by_segment.thresholds)} values of {signature.by_segment.column}"
    point = at_threshold(known)
    if point is not None:
        found, right = (measured(known.evaluation(metric)) for metric in ("recall", "precision"))
        flagged = percent(point["flagged"])
        parts.append(
            f"that flags {flagged} of the held-out rows and finds {found} of the positives; of the flagged rows {right} are positive"
        )
    elif (recall := known.evaluation("recall")) is not None and recall.value == 0:
        parts.append("no positive of the held-out rows reaches it")
    worth = known.evaluation("worth")
    if worth is not None:
        parts.append(f"acting on these is worth {measured(worth)} in all over {count(worth.row_count)}, in the unit of the declared worth")
    return Said("Threshold", f"{'; '.join(parts)}.")


def _findings(known: Known) -> Said:
    counts = {severity: sum(finding.severity == severity for finding in known.findings) for severity in SEVERITIES}
    against = [finding for finding in ranked(known.findings) if finding.severity != "note" and finding.check != "chance"]
    worst = [finding for finding in against if not (finding.evidence and finding.check in _told(known))]
    if not worst:
        notes = f", besides {count(counts['note'], 'note')}" if counts["note"] else ""
        said = "the checks found nothing else" if counts["refused"] or against else "the checks found nothing"
        tone = "bad" if counts["refused"] else "" if against else "good"
        return Said("What speaks against it", f"{said[:1].upper()}{said[1:]}{notes}.", tone)
    words = " ".join(_sentence(f"{f.check}{f' ({f.column})' if f.column else ''}: {f.message}") for f in worst[:5])
    more = f" {len(worst) - 5} more are below." if len(worst) > 5 else ""
    return Said("What speaks against it", f"{words}{more}", "bad" if counts["refused"] else "")


def _told(known: Known) -> set[str]:
    """Checks whose findings the summary has in words of its own."""
    return {check for check, told in {"baseline": verdict, "intervals": intervals_said}.items() if told(known) is not None}


def ranked(findings: Sequence[Finding]) -> list[Finding]:
    """The worst findings first."""
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    return sorted(findings, key=lambda finding: order.get(finding.severity, len(order)))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
