"""Functions of the engine that queries call: models, and Python functions that a project declares."""

from foretable.udf.connect import connect
from foretable.udf.functions import install_macros, register_functions, register_models, register_version
from foretable.udf.hints import explain
from foretable.udf.host import make_scorer

__all__ = ["connect", "explain", "install_macros", "make_scorer", "register_functions", "register_models", "register_version"]
