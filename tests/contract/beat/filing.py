"""A file of schedules, and the command that writes one."""

import io

from django.core.management import call_command

FILE = """\
version: 1
schedules:
  nightly:
    task: shop.report
    crontab: 30 2 * * *
    timezone: Europe/Berlin
    args:
    - daily
    - 7
    queue: slow
    description: For the morning.
    policy:
      overlap: skip
      jitter: 60
  once:
    task: shop.open
    clocked: '2040-01-01T08:00:00+00:00'
  poll:
    task: shop.poll
    interval: 10 seconds
    enabled: false
  sunset:
    task: shop.lights
    solar:
      event: sunset
      latitude: 52.52
      longitude: 13.405
"""


def export(*arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command("schedules", "export", *arguments, stdout=out, stderr=err)
    return out.getvalue()
