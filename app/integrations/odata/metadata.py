"""`$metadata`: the feeds as an entity model in CSDL XML (OData Common Schema Definition Language 4.01)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from xml.sax.saxutils import quoteattr

from app.integrations.odata.feeds import FEEDS, Feed
from app.integrations.odata.rules import Property

NAMESPACE = "Duecourse"


@cache
def metadata_xml() -> str:
    """The document; the same for every caller."""
    types = "".join(_entity_type(feed) for feed in FEEDS)
    sets = "".join(f'<EntitySet Name="{feed.name}" EntityType="{NAMESPACE}.{feed.entity}"/>' for feed in FEEDS)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{NAMESPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">{types}'
        f'<EntityContainer Name="Container">{sets}</EntityContainer></Schema>'
        "</edmx:DataServices></edmx:Edmx>"
    )


def _entity_type(feed: Feed) -> str:
    properties = "".join(map(_property, feed.columns))
    return f'<EntityType Name="{feed.entity}"><Key><PropertyRef Name="{feed.key}"/></Key>{properties}</EntityType>'


def _property(column: Property) -> str:
    facets = ' Scale="variable"' if column.type == "Edm.Decimal" else ""
    facets += ' Precision="6"' if column.type == "Edm.DateTimeOffset" else ""
    nullable = "" if column.nullable else ' Nullable="false"'
    return f"<Property Name={quoteattr(column.name)} Type={quoteattr(column.type)}{nullable}{facets}/>"


def service_document(root: str, feeds: Sequence[Feed]) -> dict[str, object]:
    """What the feed offers, at its root."""
    value = [{"name": feed.name, "kind": "EntitySet", "url": feed.name, "title": feed.summary} for feed in feeds]
    return {"@odata.context": f"{root}/$metadata", "value": value}
