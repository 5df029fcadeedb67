"""What `typing` gives, without importing it: that alone would take a quarter of the time before the lock is tried for.

Type checkers and editors see the real thing. At run time annotations are never looked at, and `NamedTuple` makes
the same tuples. For the modules that are imported before the lock is held; all others import `typing` itself.
"""

from __future__ import annotations

from operator import itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple, Protocol, TypeVar
else:
    Any = Protocol = object

    def TypeVar(_name):  # noqa: N802 - it stands for the real one
        return object

    class _Record(tuple):
        """A tuple whose places have names, as `collections.namedtuple` makes them, made without compiling code."""

        __slots__ = ()

        def __new__(cls, *values, **named):
            if not named and len(values) == len(cls._fields):
                return tuple.__new__(cls, values)
            for field in cls._fields[len(values) :]:
                if field not in named and field not in cls._field_defaults:
                    raise TypeError(f"{cls.__name__} needs {field}")
                values += (named.pop(field) if field in named else cls._field_defaults[field],)
            if named or len(values) != len(cls._fields):
                raise TypeError(f"{cls.__name__} has the fields {', '.join(cls._fields)} and no others")
            return tuple.__new__(cls, values)

        def __repr__(self):
            return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"

        def __getnewargs__(self):
            return tuple(self)

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, **changes):
            return type(self)(**{**self._asdict(), **changes})

    class _Named(type):
        """Makes a class with annotated fields a record of these."""

        def __new__(cls, name, bases, body):
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body.pop(field) for field in fields if field in body}
            places = {field: property(itemgetter(place)) for place, field in enumerate(fields)}
            special = {"__slots__": (), "__match_args__": fields, "_fields": fields, "_field_defaults": defaults}
            return type(name, (_Record,), {**body, **places, **special})

    class NamedTuple(metaclass=_Named):
        pass


__all__ = ["Any", "NamedTuple", "Protocol", "TypeVar"]
