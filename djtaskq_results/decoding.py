"""Values as they are stored and as Celery's results read them."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from celery.backends.base import BaseBackend
from kombu.exceptions import ContentDisallowed, DecodeError

from djtaskq_results.content import Content, packed, unpacked

Meta = dict[str, Any]


class DecodingBackend(BaseBackend):
    """The part of the backend that serialises."""

    if TYPE_CHECKING:  # what Celery's stubs leave out
        app: Any
        accept: Collection[str]
        expires: float | None
        serializer: str
        _cache: dict[str, Meta]

        def _ensure_not_eager(self) -> None: ...

    def pack(self, value: Any) -> Content:
        return packed(value, self.serializer)

    def unpack(self, content: Content) -> Any:
        """The value, whatever serializer wrote it; raises ContentDisallowed for those not in `accept`."""
        return unpacked(content, self.accept)

    def _value(self, row: Mapping[str, Any], text: str | None) -> Any:
        return self.unpack(Content(row["content_type"], row["content_encoding"], text)) if text else None

    def _meta(self, row: Mapping[str, Any]) -> Meta:
        """A row as Celery's results read it; `task_*` as django-celery-results names them besides."""
        args, kwargs = self._arguments(row, row["task_args"]), self._arguments(row, row["task_kwargs"])
        return self.meta_from_decoded(
            {
                **(self._value(row, row["meta"]) or {}),
                "task_id": row["task_id"],
                "status": row["status"],
                "result": self._value(row, row["result"]),
                "traceback": row["traceback"],
                "date_done": row["date_done"],
                "worker": row["worker"],
                "name": row["task_name"],
                "task_name": row["task_name"],
                "periodic_task_name": row["periodic_task_name"],
                "args": args,
                "kwargs": kwargs,
                "task_args": args,
                "task_kwargs": kwargs,
            }
        )

    def _arguments(self, row: Mapping[str, Any], text: str | None) -> Any:
        """Arguments are there for people: text that nobody can decode is shown as it stands."""
        try:
            return self._value(row, text)
        except (DecodeError, ContentDisallowed, ValueError):
            return text
