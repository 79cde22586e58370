"""A package index on S3 or in a directory: PEP 503 and 691 pages, PEP 658 metadata, PEP 592 yanks.

with open_store(parse_location("s3://bucket/prefix")) as store:
    publication = publish(store, [slim, companion])

Wheels go first and pages last, and nothing is ever replaced by other bytes, so that the index is
whole at any time: see layout.py for what lies where, index.py for publishers beside each other.
"""

from slimwheel.publish.location import Location, open_store, parse_location
from slimwheel.publish.publishing import Publication, Published, Request, publish
from slimwheel.publish.snippets import snippets
from slimwheel.publish.takeover import reindex

__all__ = [
    "Location",
    "Publication",
    "Published",
    "Request",
    "open_store",
    "parse_location",
    "publish",
    "reindex",
    "snippets",
]
