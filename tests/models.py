"""Tables of the tests' own, for what the core's database seam promises about any table."""

from django.db import models

from djtaskq.db.fields import InstantField


class Note(models.Model):
    """One row to insert, merge and claim."""

    key = models.CharField(max_length=50, unique=True)
    text = models.CharField(max_length=50, null=True)  # noqa: DJ001  what is not known must differ from ""
    number = models.IntegerField(default=0)
    state = models.CharField(max_length=20, default="open")
    at = InstantField(null=True, db_index=True)
    changed = models.DateTimeField(auto_now=True)

    def __str__(self):
        return self.key


class Mark(models.Model):
    """What a trigger on somebody else's table writes to."""

    key = models.CharField(max_length=150, unique=True)
    at = InstantField(null=True)
    text = models.CharField(max_length=50, default="made")

    def __str__(self):
        return self.key
