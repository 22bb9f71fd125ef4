"""The shipped templates: the wording of each language in one frame for texts, web pages, letters and short messages.

An organization that changes one puts its own in its place; the others stay as they are shipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from app.dunning.messages.rules import language_order
from app.dunning.messages.shipped import de, en, es, fr
from app.dunning.messages.shipped.wording import Step, Wording

WORDINGS: Mapping[str, Wording] = {"en": en.WORDING, "de": de.WORDING, "fr": fr.WORDING, "es": es.WORDING}
STATEMENT = "statement"
STEP_CODES = tuple(en.WORDING.steps)
CODES = (*STEP_CODES, STATEMENT)
ITEMS_MARK = "[[items]]"
"""Where the table of invoices stands in a letter."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template as it is used. `revision` 0 is the shipped one. Labels are those of the letter's table."""

    code: str
    language: str
    name: str
    subject: str
    text: str
    html: str | None
    letter: str | None
    sms: str | None
    revision: int = 0
    shipped: bool = True


@cache
def shipped_template(code: str, language: str) -> Template | None:
    """The shipped template of that code in exactly that language, or None."""
    wording = WORDINGS.get(language)
    if wording is None:
        return None
    step = wording.statement if code == STATEMENT else wording.steps.get(code)
    if step is None:
        return None
    return Template(
        code, language, step.name, step.subject, _text(wording, step), _html(wording, step), _letter(wording, step),
        step.sms,
    )  # fmt: skip


def find_shipped(code: str, *languages: str | None) -> Template | None:
    """The shipped template in the first of these languages that has one, else in English."""
    for language in language_order(*languages):
        found = shipped_template(code, language)
        if found is not None:
            return found
    return None


def wording_of(language: str | None) -> Wording:
    """Labels in that language, else in English."""
    for candidate in language_order(language):
        if candidate in WORDINGS:
            return WORDINGS[candidate]
    raise AssertionError("there is English")


def _greeting(wording: Wording) -> str:
    return f"{{% if contact.name %}}{wording.greeting}{{% else %}}{wording.greeting_anonymous}{{% endif %}}\n\n"


_SUMS = (
    ("earlier", "earlier"),
    ("fee", "fee"), ("interest", "interest"), ("compensation", "compensation"),
)  # fmt: skip


def _sums(wording: Wording) -> str:
    rows = [f"{wording.total}: {{{{ totals.eligible }}}} {{{{ currency }}}}\n"]
    for key, label in _SUMS:
        shown = f"{getattr(wording, label)}: {{{{ totals.{key} }}}} {{{{ currency }}}}"
        rows.append(f"{{% if totals.{key} %}}\n{shown}\n{{% endif %}}\n")
    rows.append(f"{wording.sum_due}: {{{{ totals.sum_due }}}} {{{{ currency }}}}\n")
    return "".join(rows)


def _payment(wording: Wording) -> str:
    return (
        f"{{% if payment_instructions %}}\n\n{wording.pay_to}:\n{{{{ payment_instructions }}}}\n{{% endif %}}\n"
        f"{{% if payment_reference %}}\n{wording.reference}: {{{{ payment_reference }}}}\n{{% endif %}}\n"
    )


def _end(wording: Wording) -> str:
    return (
        f"\n{wording.farewell}\n\n{{% if signature %}}\n{{{{ signature }}}}\n{{% else %}}\n"
        "{{ legal_entity.name }}\n{% endif %}\n"
    )


def _text(wording: Wording, step: Step) -> str:
    item = (
        "{% for item in items %}\n"
        f"- {wording.invoice} {{{{ item.number }}}}, {wording.due_date} {{{{ item.due_date }}}}"
        f"{{% if item.days_past_due %}} ({wording.days}: {{{{ item.days_past_due }}}}){{% endif %}}"
        ": {{ item.amount }} {{ currency }}"
        f"{{% if item.disputed_amount %}} ({wording.open_amount} {{{{ item.open_amount }}}}, {wording.disputed} "
        "{{ item.disputed_amount }}){% endif %}\n\n"
        "{% endfor %}\n"
    )
    copies = (
        f"{{% if copies %}}\n\n{wording.copies}:\n{{% for copy in copies %}}\n{{{{ copy.name }}}}: {{{{ copy.url }}}}\n"
        "{% endfor %}\n{% endif %}\n"
    )
    leave = f"{{% if unsubscribe_url %}}\n\n--\n{wording.unsubscribe}: {{{{ unsubscribe_url }}}}\n{{% endif %}}\n"
    return (
        f"{_greeting(wording)}\n{step.opening}\n\n{item}\n{_sums(wording)}{_payment(wording)}\n{step.closing}\n"
        f"{copies}{_end(wording)}{leave}"
    )


_CELL = 'style="padding:4px 10px 4px 0;border-bottom:1px solid #ddd"'
_RIGHT = 'style="padding:4px 0 4px 10px;border-bottom:1px solid #ddd;text-align:right"'


def _html(wording: Wording, step: Step) -> str:
    heads = (wording.invoice, wording.invoice_date, wording.due_date)
    head = "".join(f'<th {_CELL} align="left">{label}</th>' for label in heads)
    head += "".join(f"<th {_RIGHT}>{label}</th>" for label in (wording.days, wording.open_amount))
    sums = "".join(
        f"{{% if totals.{key} %}}<tr><td {_CELL} colspan='4'>{getattr(wording, label)}</td>"
        f"<td {_RIGHT}>{{{{ totals.{key} }}}} {{{{ currency }}}}</td></tr>{{% endif %}}"
        for key, label in _SUMS
    )
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8"></head>'
        '<body style="font-family:Arial,Helvetica,sans-serif;font-size:14px;color:#222;max-width:680px">'
        f"<p>{{% if contact.name %}}{wording.greeting}{{% else %}}{wording.greeting_anonymous}{{% endif %}}</p>"
        f"<p>{step.opening}</p>"
        f'<table style="border-collapse:collapse;width:100%;font-size:13px"><tr>{head}</tr>'
        "{% for item in items %}<tr>"
        f"<td {_CELL}>{{{{ item.number }}}}</td><td {_CELL}>{{{{ item.invoice_date }}}}</td>"
        f"<td {_CELL}>{{{{ item.due_date }}}}</td><td {_RIGHT}>{{{{ item.days_past_due or '' }}}}</td>"
        f"<td {_RIGHT}>{{{{ item.amount }}}} {{{{ currency }}}}"
        f"{{% if item.disputed_amount %}}<br><small>{wording.open_amount} {{{{ item.open_amount }}}}, "
        f"{wording.disputed} {{{{ item.disputed_amount }}}}</small>{{% endif %}}</td></tr>"
        f"{{% endfor %}}<tr><td {_CELL} colspan='4'>{wording.total}</td>"
        f"<td {_RIGHT}>{{{{ totals.eligible }}}} {{{{ currency }}}}</td></tr>{sums}"
        f"<tr><td {_CELL} colspan='4'><b>{wording.sum_due}</b></td>"
        f"<td {_RIGHT}><b>{{{{ totals.sum_due }}}} {{{{ currency }}}}</b></td></tr></table>"
        f'{{% if payment_instructions %}}<p style="white-space:pre-line">{wording.pay_to}:<br>'
        "{{ payment_instructions }}</p>{% endif %}"
        f"{{% if payment_reference %}}<p>{wording.reference}: {{{{ payment_reference }}}}</p>{{% endif %}}"
        f"<p>{step.closing}</p>"
        f"{{% if copies %}}<p>{wording.copies}: {{% for copy in copies %}}"
        '<a href="{{ copy.url }}">{{ copy.name }}</a> {% endfor %}</p>{% endif %}'
        f'<p>{wording.farewell}</p><p style="white-space:pre-line">'
        "{% if signature %}{{ signature }}{% else %}{{ legal_entity.name }}{% endif %}</p>"
        f'{{% if unsubscribe_url %}}<p style="font-size:11px;color:#777">{wording.unsubscribe}: '
        '<a href="{{ unsubscribe_url }}">{{ unsubscribe_url }}</a></p>{% endif %}</body></html>'
    )


def _letter(wording: Wording, step: Step) -> str:
    return (
        f"{_greeting(wording)}\n{step.opening}\n\n{ITEMS_MARK}\n\n{_sums(wording)}{_payment(wording)}\n{step.closing}\n"
        f"{_end(wording)}"
    )
