"""A page that shows what services do, live: `statusResource`.

::

    root.putChild(b"status", statusResource(site.services.values()))
"""

from txsockjs.status.page import StatusResource, statusResource, statusSite

__all__ = ["StatusResource", "statusResource", "statusSite"]
