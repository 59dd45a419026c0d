"""Commands that change what answers: train, promote, rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from foretable.cli import console, report, workspace
from foretable.cli.app import app
from foretable.cli.models_names import Reference
from foretable.cli.options import Json, ModelName
from foretable.errors import PromotionRefused, RefreshFailed, UsageError

if TYPE_CHECKING:
    from foretable.run import RunReport


@app.command()
def train(
    model: ModelName,
    trials: Annotated[int | None, typer.Option(help="Search trials per candidate; by default what the project says.", min=1)] = None,
    json: Json = False,
) -> None:
    """Train a model's candidates; the best goes to the gate.

    Every candidate becomes a version. Ends with exit code 3 when the gate refuses the best one.

    \b
    Examples:
      foretable train churn
      foretable train churn --trials 40
    """
    session = workspace.session()
    with console.progress() as listen:
        done = session.train(model, trials=trials, listen=listen)
    if json:
        console.document(report.training_facts(done))
    else:
        report.training(done)
    if not done.gate.accepted:
        refused = any(finding.severity == "refused" for finding in (*done.findings, *done.best.trained.findings))
        force = " --force --reason WHY" if refused else ""
        hint = f"promote it all the same: foretable promote {model}@{done.best.version}{force}"
        raise PromotionRefused(done.gate.reason, where=model, hint=hint)


@app.command()
def promote(
    version: Reference,
    reason: Annotated[str, typer.Option(help="Why; kept in foretable.alias_history.")] = "by hand",
    alias: Annotated[str, typer.Option(help="The name to move; archived hides a version from the list.")] = "champion",
    force: Annotated[bool, typer.Option("--force", help="Make it champion although a check refused it; say why with --reason.")] = False,
    json: Json = False,
) -> None:
    """Let a version answer as predict_<model>().

    Ends with exit code 3 when a check refused the version and nobody forces it.

    \b
    Examples:
      foretable promote churn@4
      foretable promote churn@4 --alias challenger
      foretable promote churn@2 --alias archived
      foretable promote churn@4 --force --reason "the label was fixed"
    """
    from foretable import registry

    session = workspace.session()
    if "@" not in version:
        raise UsageError(f"{version!r} names no version", hint=f"write model@version, such as {version}@1; there are: foretable models")
    if force and reason == "by hand":
        raise UsageError("--force needs a reason", hint=f"foretable promote {version} --force --reason WHY")
    with session.changing() as connection:
        chosen = registry.resolve(connection, version)
        registry.promote(connection, chosen.model, chosen.version, reason=reason, alias=alias, force=force)
    if json:
        console.document({"model": chosen.model, "version": chosen.version, "alias": alias})
        return
    console.say(f"{chosen} is now {alias}")
    if alias != "archived":
        console.note("tables that use it are rescored by: foretable run")


@app.command()
def rollback(
    model: ModelName,
    refresh: Annotated[bool, typer.Option("--refresh/--no-refresh", help="Rescore what depends on it, in the same transaction.")] = True,
    json: Json = False,
) -> None:
    """Make the champion before champion again, and rescore what depends on it.

    \b
    Examples:
      foretable rollback churn
      foretable rollback churn --no-refresh
    """
    session = workspace.session()
    with console.progress() as listen:
        done = session.rollback(model, refresh=refresh, listen=listen)
    if json:
        rescored = report.outcome_facts(done.run) if done.run is not None else None
        console.document({"model": done.version.model, "version": done.version.version, "alias": "champion", "refresh": rescored})
    else:
        console.say(f"{done.version} is champion again")
        if done.run is None:
            console.note("tables that use it are rescored by: foretable run")
        else:
            _rescored(done.run)
    if done.run is not None and done.run.wave.failed:
        raise RefreshFailed(
            f"{', '.join(sorted(done.run.wave.failed))} could not be rescored and keeps the scores of the version before",
            where=str(done.version),
            hint="see why: foretable history",
        )


def _rescored(done: RunReport) -> None:
    for built in done.wave.built:
        if built.action != "NO_DATA":
            console.say(f"rescored {built.table}: {console.count(built.row_count, 'row')}")
    for name, error in done.wave.failed.items():
        console.say(f"not rescored {name}: {error.message}")
