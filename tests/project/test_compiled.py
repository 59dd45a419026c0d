"""``sql/compiled`` holds what the declarations compile to now."""

from pathlib import Path

from foretable.compile import compile_project
from foretable.compile.output import stale
from foretable.declare.load import load_project

ROOT = Path(__file__).parents[2]


def test_the_compiled_sql_is_up_to_date():
    outdated = [str(path.relative_to(ROOT)) for path in stale(compile_project(load_project(ROOT)))]
    assert outdated == [], "write it again: foretable compile"
