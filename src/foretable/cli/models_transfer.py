"""Commands that bring versions in from elsewhere: register, import model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foretable.cli import console, report, workspace
from foretable.cli.app import app
from foretable.cli.options import Json, ModelName
from foretable.errors import PromotionRefused

imports = typer.Typer(help="Take in what export wrote.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(imports, name="import")


@imports.command(name="model")
def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that export model wrote.")],
    name: Annotated[str | None, typer.Option("--name", metavar="MODEL", help="Give it to this model.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Register a version from a file, when it answers here as it did there.

    Every byte is checked against its hash, the graph is inspected before it runs, and the functions in SQL must give the
    answers that the file expects. No alias moves.

    \b
    Examples:
      foretable import model churn-3.foretable
      foretable import model churn-3.foretable --name churn_north
    """
    done = workspace.session().import_version(file, name)
    if json:
        console.document(
            {
                "model": done.version.model,
                "version": done.version.version,
                "rows": done.rows,
                "max_difference": done.max_difference,
                "notes": done.notes,
            }
        )
        return
    console.say(f"{done.version} is registered: it answers {console.count(done.rows, 'made-up row')} as expected")
    for text in done.notes:
        console.say(f"note: {text}")
    console.note(f"let it answer with: foretable promote {done.version}")


@app.command()
def register(
    model: ModelName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An ONNX file: one matrix in, one number per row out.")],
    signature: Annotated[
        Path | None,
        typer.Option("--signature", metavar="FILE", help="JSON with the features, in the order of its columns.", show_default=False),
    ] = None,
    unseen: Annotated[bool, typer.Option("--unseen", help="It has seen no held-out row; else it is challenger at most.")] = False,
    json: Json = False,
) -> None:
    """Register an ONNX file as a version of a model, through the gates of a training.

    Ends with exit code 3 when the gate refuses it; it is challenger then.

    \b
    Examples:
      foretable register churn churn.onnx --signature signature.json
      foretable register churn churn.onnx --signature signature.json --unseen
    """
    with console.progress() as listen:
        done = workspace.session().register(model, file, signature=signature, unseen=unseen, listen=listen)
    if json:
        console.document(report.training_facts(done))
    else:
        report.training(done)
    if not done.gate.accepted:
        hint = f"promote it all the same: foretable promote {model.lower()}@{done.best.version}"
        raise PromotionRefused(done.gate.reason, where=model, hint=hint)
