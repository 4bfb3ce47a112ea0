"""The words of SQL that use cases need to build queries over the store's tables, so that peewee is imported here alone."""

from peewee import Case, fn

__all__ = ["Case", "fn"]
