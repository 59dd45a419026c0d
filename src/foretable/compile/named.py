"""Names of functions that would mean two things."""

from __future__ import annotations

from itertools import product

from foretable.compile.references import FUNCTIONS, called_model
from foretable.declare.project import Project
from foretable.errors import DeclarationError


def check_names(project: Project) -> None:
    """Refuse models, macros and functions that would share the name of a function.

    Raises
    ------
    DeclarationError
        Beside ``churn`` there is a model ``churn_label``: ``predict_churn_label`` is the label of the one and the
        prediction of the other; or a macro or function is called as a model's function is.
    """
    for model, (_, ending) in product(project.models.values(), FUNCTIONS.values()):
        other = project.models.get(f"{model.name}{ending}") if ending else None
        if other is not None:
            raise DeclarationError(
                f"models {model.name} and {other.name} would both answer as predict_{other.name}",
                where=str(other.origin),
                hint=f"rename one; the other: {model.origin}",
            )
    for declared in (*project.macros.values(), *project.functions.values()):
        called = called_model(declared.name, project.models)
        if called is not None:
            raise DeclarationError(
                f"{declared.name} is a function of the model {called.model}", where=str(declared.origin), hint="give it another name"
            )
