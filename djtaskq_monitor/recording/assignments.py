"""The rules of `merge`, said in SQL: what an upsert assigns to a row that is there already."""

from typing import Any

from django.db import models
from django.db.models import Case, F, Q, TextField, Value, When
from django.db.models.functions import MD5, Coalesce, Greatest, Least
from django.db.models.lookups import Exact, GreaterThan, IsNull

from djtaskq.db.upsert import Incoming
from djtaskq_monitor.recording.merge import Rules

# Below every key and every time: an unknown one loses.
_NEVER = -1


def assignments(rules: Rules, model: type[models.Model]) -> dict[str, Any]:
    """An expression for each column that `rules` names."""
    expressions: dict[str, Any] = {name: _extreme(name, Greatest) for name in sorted(rules.latest)}
    expressions |= {name: _extreme(name, Least) for name in sorted(rules.earliest)}
    for name in sorted(rules.constant):
        expressions[name] = Case(
            When(_greater(name, model), then=Incoming(name)), default=F(name), output_field=_type(name, model)
        )
    if rules.repeated:
        # Whoever writes a row has read it, and knows all that was in this column: see `merging`.
        expressions["repeats"] = Coalesce(Incoming("repeats"), F("repeats"))
    for key, columns in rules.registers.items():
        expressions |= {name: _register(key, name, model) for name in columns}
        expressions[key] = _extreme(key, Greatest)
    return expressions


def _extreme(name: str, function: Any) -> Any:
    """The greater or the lesser; the databases differ in what either is beside a NULL."""
    return function(Coalesce(F(name), Incoming(name)), Coalesce(Incoming(name), F(name)))


def _register(key: str, name: str, model: type[models.Model]) -> Case:
    new, held = _known(Incoming(key), key, model), _known(F(key), key, model)
    return Case(
        When(GreaterThan(new, held), then=Incoming(name)),
        When(Q(Exact(new, held)) & _greater(name, model), then=Incoming(name)),
        default=F(name),
        output_field=_type(name, model),
    )


def _known(value: Any, key: str, model: type[models.Model]) -> Coalesce:
    return Coalesce(value, Value(_NEVER, output_field=_type(key, model)))


def _type(name: str, model: type[models.Model]) -> Any:
    """The column's type; that of a foreign key's column is the type of what it refers to."""
    field: Any = model._meta.get_field(name)
    return field.target_field if isinstance(field, models.ForeignKey) else field


def _greater(name: str, model: type[models.Model]) -> Q:
    """`merge.greater`; text compares by its digest, since databases sort text in ways of their own."""
    new, held = Incoming(name), F(name)
    if isinstance(_type(name, model), models.CharField | models.TextField):
        more = GreaterThan(MD5(new, output_field=TextField()), MD5(held, output_field=TextField()))
    else:
        more = GreaterThan(new, held)
    return Q(IsNull(held, True)) | Q(more)
