"""A plan as JSON, made of the same values as the text."""

from __future__ import annotations

from ..planning.document import change_document, field_document, plan_document

__all__ = ["change_document", "field_document", "plan_document"]
