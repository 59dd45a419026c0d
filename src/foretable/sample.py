"""The warehouse that a project starts from: a copy of its sample."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from foretable.declare.project import Config


def sample_of(root: Path, config: Config) -> Path | None:
    """The project's sample, None where it has none."""
    sample = root / config.sample if config.sample else None
    return sample if sample is not None and sample.exists() else None


def start_from_sample(root: Path, config: Config) -> bool:
    """Copy the sample to the warehouse where there is none; True when it was copied."""
    sample, warehouse = sample_of(root, config), root / config.warehouse
    if sample is None or warehouse.exists():
        return False
    copy = warehouse.with_name(f"{warehouse.name}.tmp")
    shutil.copyfile(sample, copy)
    copy.rename(warehouse)
    return True


@contextmanager
def warehouse_or_sample(root: Path, config: Config) -> Iterator[Path]:
    """The warehouse, or where there is none a copy of the sample that is gone after the block."""
    warehouse = root / config.warehouse
    with TemporaryDirectory() as folder:
        if not warehouse.exists():
            warehouse = Path(folder) / warehouse.name
            if (sample := sample_of(root, config)) is not None:
                shutil.copyfile(sample, warehouse)
        yield warehouse
