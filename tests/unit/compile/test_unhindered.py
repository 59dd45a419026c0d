"""The collector of cycles rests while trees are built, and only then."""

from __future__ import annotations

import gc

import pytest

from foretable.compile.unhindered import uncollected


def test_the_collector_works_again_behind_an_error():
    with pytest.raises(ValueError, match="in between"), uncollected():
        assert not gc.isenabled()
        raise ValueError("in between")
    assert gc.isenabled()


def test_who_has_turned_the_collector_off_keeps_it_off():
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
