"""Print what both answered, as the table of docs/flower-api.md; 1 if they differ where nobody says why."""

import sys

from benchmarks.flower_api import differing
from benchmarks.flower_api.calls import CALLS, Call
from benchmarks.flower_api.sides import Sides
from tests.processes import Processes
from tests.servers import Fleet


def main() -> int:
    fleet = Fleet()
    processes = Processes(fleet.folder, fleet.keeper)
    unexplained = 0
    try:
        sides = Sides(processes, fleet.use("redis").url)
        print("| | call | Flower 2.2 | djtaskq | why |")
        print("|---|---|---|---|---|")
        for call in CALLS:
            told = differences(sides, call)
            unexplained += bool(told[-1]) and not call.why
            why = (call.why or "**?**") if told[-1] else ""
            cells = [call.number, f"`{call.method} {call}`", told[0], told[1] + told[2], why]
            print(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |", flush=True)
    finally:
        processes.close()
        fleet.close()
    return int(bool(unexplained))


def differences(sides: Sides, call: Call) -> tuple[str, str, str]:
    """What Flower answered; the status of djtaskq or “the same”; and what is different, if anything is."""
    (status, body), (ours, our_body) = sides.flower.ask(call), sides.ours.ask(call)
    said = differing.differences(body, our_body)
    if status != ours:
        said = said or differing.line(our_body)
    first = f"{status} {differing.line(body)}"
    return (first, f"{ours} ", said) if said else (first, "the same", "")


if __name__ == "__main__":
    sys.exit(main())
