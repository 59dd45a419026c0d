"""The warehouse file: opening, the system catalog, waves, copies."""

from foretable.warehouse.catalog import ensure_catalog, require_current
from foretable.warehouse.copies import backup, restore
from foretable.warehouse.failures import told, translate
from foretable.warehouse.interrupts import interrupt_all, is_interrupt
from foretable.warehouse.open import open_warehouse
from foretable.warehouse.transaction import rolled_back, wave
from foretable.warehouse.version import CATALOG_VERSION

__all__ = [
    "CATALOG_VERSION",
    "backup",
    "ensure_catalog",
    "interrupt_all",
    "is_interrupt",
    "open_warehouse",
    "require_current",
    "restore",
    "rolled_back",
    "told",
    "translate",
    "wave",
]
