"""The part of the backend that chords meet: from the header that is sent to the body that is."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from celery import maybe_signature, states
from celery.exceptions import ChordError
from celery.utils.functional import _regen  # type: ignore[attr-defined]  # not in the stubs
from celery.utils.log import get_logger
from kombu.exceptions import ContentDisallowed, DecodeError, EncodeError
from kombu.serialization import prepare_accept_content

from djtaskq_results import chords, joining, rows, store
from djtaskq_results.chords import Counted, Part
from djtaskq_results.content import Content, packed, unpacked
from djtaskq_results.decoding import DecodingBackend

logger = get_logger(__name__)


class ChordBackend(DecodingBackend):
    """The part of the backend that counts chords and sends their bodies."""

    # The task whose ready state was written last: its part need not carry the result a second time.
    _last_ready: str | None = None
    # The request of a part whose end is being stored, and what became of its chord as it was.
    _brought_back: Any = None
    _counted: Counted | None = None

    def apply_chord(self, header_result_args: Any, body: Any, **_options: Any) -> None:
        """Begin to count; Celery calls this before it sends the header."""
        group_id, members = header_result_args[0], header_result_args[1]
        packed_body = self._packed_body(body)
        if isinstance(members, _regen):
            # To look at the members would run the generator to its end before the first one is sent.
            chords.begin(rows.task_key(group_id), None, None, packed_body)
            return
        header = [result.as_tuple() for result in members]
        size = None if joining.is_nested(header) else len(header)
        chords.begin(rows.task_key(group_id), header, size, packed_body)

    def set_chord_size(self, group_id: str, chord_size: int) -> None:
        chords.settle(rows.task_key(group_id), chord_size)

    def add_to_chord(self, chord_id: str, result: Any) -> None:
        chords.announce(rows.task_key(chord_id), rows.task_key(result.id))

    # Celery stores a task's result and then counts it. Both are done at once, and remembered for the second.

    def mark_as_done(self, task_id: Any, result: Any, request: Any = None, *more: Any, **options: Any) -> Any:
        with self._bringing_back(request):
            return super().mark_as_done(task_id, result, request, *more, **options)

    def mark_as_failure(
        self, task_id: Any, exc: Any, traceback: Any = None, request: Any = None, *more: Any, **options: Any
    ) -> Any:
        with self._bringing_back(request):
            return super().mark_as_failure(task_id, exc, traceback, request, *more, **options)

    def mark_as_revoked(
        self, task_id: Any, reason: Any = "", request: Any = None, *more: Any, **options: Any
    ) -> Any:
        with self._bringing_back(request):
            return super().mark_as_revoked(task_id, reason, request, *more, **options)

    @contextlib.contextmanager
    def _bringing_back(self, request: Any) -> Iterator[None]:
        self._brought_back = request if request is not None and request.chord else None
        try:
            yield
        finally:
            self._brought_back = self._counted = None

    def part_to_count(self, request: Any, state: str) -> Part | None:
        """The part that is to be counted as its result is stored, if that is what goes on."""
        if request is None or request is not self._brought_back or state not in self.READY_STATES:
            return None
        return _part(request, state) if request.id and request.group else None

    def on_chord_part_return(self, request: Any, state: str, result: Any, **_options: Any) -> None:
        """Count a part, and finish the chord if it was the last one."""
        if not request.id or not request.group:
            return
        part = _part(request, state)
        counted = self._counted if request is self._brought_back else None
        if counted is None:
            if self._last_ready != part.task_id:
                part = dataclasses.replace(part, content=self.pack(self.encode_result(result, state)))
            counted = chords.part_returned(part)
        if counted is Counted.UNKNOWN:
            logger.warning("Task %s is a part of no chord that is known: %s", part.task_id, part.group_id)
        elif counted is Counted.DUE:
            self._finish(part.group_id, request.chord)

    def finish_due_chords(self) -> None:
        """Finish the chords whose parts are all back and whose finisher died before it sent the body."""
        for group_id, content in chords.due():
            try:
                body = self._unpacked_body(content)
            except (ContentDisallowed, DecodeError):
                logger.exception("Chord %r has a body that this worker does not read", group_id)
            else:
                self._finish(group_id, body, left_behind=True)

    def _finish(self, group_id: str, body: Any, *, left_behind: bool = False) -> None:
        """Send the body, or fail it; the chord's rows go last, so that a crash leaves it to be found."""
        if not chords.claim(group_id, self._packed_body(body)):
            return
        callback: Any = maybe_signature(body, app=self.app)
        if left_behind and callback.id and store.exists(callback.id):
            chords.end([group_id])  # it was sent, and runs already
            return
        try:
            values = self._joined(group_id)
        except ChordError as error:
            logger.exception("Chord %r has a part that failed", group_id)
            self.chord_error_from_stack(callback, error)
        else:
            self._send(group_id, callback, values)
        chords.end([group_id])

    def _send(self, group_id: str, callback: Any, values: list[Any]) -> None:
        try:
            self._publish(callback, values)
        except Exception as error:
            # Whatever it was, those who wait for the body must hear of it: there is nobody to raise it to.
            logger.exception("Chord %r could not send its body", group_id)
            self.chord_error_from_stack(callback, _chord_error(f"Callback error: {error!r}", error))

    def _publish(self, callback: Any, values: list[Any]) -> None:
        # From Celery 5.7 on, a callback may be sent with pauses between the broker's failures.
        patiently = getattr(self.app.amqp, "_retry_publish", None)
        if patiently is None:
            callback.delay(values)
        else:
            patiently(callback.delay, values)

    def _joined(self, group_id: str) -> list[Any]:
        """The values that the body is called with; raises ChordError for the first part that failed."""
        returned = {part.task_id: part for part in chords.parts(group_id)}
        header = chords.header(group_id)
        stored = {
            row["task_id"]: row
            for row in store.load_many({*joining.leaves(header), *returned}, self.READY_STATES)
        }

        def value_of(task_id: str) -> Any:
            state, value = self._outcome(stored.get(task_id), returned.get(task_id))
            if state in states.PROPAGATE_STATES:
                raise _chord_error(f"Dependency {task_id} raised {value!r}", value)
            return value

        places = [joining.Returned(part.position, part.task_id) for part in returned.values()]
        return joining.joined(header, places, value_of)

    def _outcome(self, row: Mapping[str, Any] | None, part: Part | None) -> tuple[str, Any]:
        """How a member ended: from its row, or where it has none (or runs again already), from its part."""
        if row is not None:
            # Arguments and children of a thousand rows are nothing that a body asks for.
            state, value = row["status"], self._value(row, row["result"])
        elif part is not None:
            state, value = part.state, None if part.content is None else self.unpack(part.content)
        else:
            return states.SUCCESS, None  # its row was forgotten; the others need not suffer
        return state, self.exception_to_python(value) if state in self.EXCEPTION_STATES else value

    def _packed_body(self, body: Any) -> Content | None:
        try:
            return packed(dict(body), self.app.conf.task_serializer)
        except EncodeError:
            # Then only a part that comes back can finish the chord, since that brings the body along.
            return None

    def _unpacked_body(self, content: Content) -> Any:
        """The body again; raises ContentDisallowed where this app's workers would not take it either."""
        return unpacked(content, prepare_accept_content(self.app.conf.accept_content) or ())


def _part(request: Any, state: str) -> Part:
    position = getattr(request, "group_index", None)
    return Part(
        group_id=rows.task_key(request.group),
        task_id=rows.task_key(request.id),
        position=chords.NO_POSITION if position is None else position,
        state=state,
    )


def _chord_error(message: str, cause: Any) -> ChordError:
    error = ChordError(message)
    if isinstance(cause, BaseException):
        error.__cause__ = cause
    return error
