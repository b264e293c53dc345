"""Compare two versions of the schema: what breaks between a client and a server of different ages, and for users."""

from codegen.breaking import definitions, errors, facts, families, tables
from codegen.breaking.rules import Answers, Change, Rule, Sender
from codegen.breaking.versions import versions
from codegen.schema import Schema

__all__ = ["Answers", "Change", "Rule", "Sender", "compare"]


def compare(base: Schema, new: Schema) -> list[Change]:
    """Return what differs in a schema, except its descriptions."""
    both = versions(base, new)
    parts = (
        *(tables.requests, tables.messages, tables.events),
        *(definitions.changes, errors.changes, families.families, families.limits, facts.changes),
    )
    return [change for part in parts for change in part(both)]
