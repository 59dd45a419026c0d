"""What must hold before anything is fitted, and what people should know of the rows that is learned from."""

from foretable.train.checks.basics import finite, informative
from foretable.train.checks.examined import Examined, ordered
from foretable.train.checks.run import examine

__all__ = ["Examined", "examine", "finite", "informative", "ordered"]
