"""Which messages may be acknowledged: those that were recorded before a write that succeeded."""

from djtaskq_monitor.recording.receipts import Receipts


def noted(*tags):
    receipts = Receipts()
    receipts.begin()
    for tag in tags:
        receipts.note(tag)
    return receipts


def test_nothing_is_acknowledged_before_it_is_settled():
    receipts = noted(1, 2)
    mark = receipts.mark()
    receipts.note(3)
    assert receipts.to_acknowledge() is None
    receipts.settle(mark)
    assert receipts.to_acknowledge() == 2
    assert receipts.to_acknowledge() is None
    assert receipts.open == 1


def test_an_older_mark_takes_nothing_back():
    receipts = noted(1)
    old = receipts.mark()
    receipts.note(2)
    receipts.settle(receipts.mark())
    receipts.settle(old)
    assert receipts.to_acknowledge() == 2


def test_what_was_noted_on_a_lost_channel_is_not_acknowledged_on_the_next():
    receipts = noted(1, 2, 3)
    old = receipts.mark()
    receipts.begin()
    assert receipts.open == 0
    receipts.note(1)
    receipts.settle(old)
    assert receipts.to_acknowledge() is None
    receipts.settle(receipts.mark())
    assert receipts.to_acknowledge() == 1
