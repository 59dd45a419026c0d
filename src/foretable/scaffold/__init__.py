"""New projects: a small starter, the whole reference project, or a draft for somebody's warehouse."""

from foretable.scaffold.attach import attach_project
from foretable.scaffold.copy import full_project, starter_project

__all__ = ["attach_project", "full_project", "starter_project"]
