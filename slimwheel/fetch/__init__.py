"""An upstream wheel, by path or by requirement.

A requirement is fetched by pip in a process of its own, so that pip's configuration, credentials
and proxies hold, and is kept in a cache that parallel processes share.
"""

from slimwheel.fetch.fetcher import FetchedWheel, fetch
from slimwheel.fetch.hashes import upstream_sha256
from slimwheel.fetch.pip import FetchProgress, IndexOptions

__all__ = ["FetchProgress", "FetchedWheel", "IndexOptions", "fetch", "upstream_sha256"]
