"""One page of a list, as every list of MediaConvert's API is given: "up to twenty", and a token for the next.

In: the whole list and a request with MaxResults and NextToken. Out: the page and the token, None at the end. What can
go wrong: `BadRequestException` for a token no page ended with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.local.mediaconvert.errors import BadRequestException

PAGE = 20


def page(
    items: Sequence[Any], request: Mapping[str, Any], name: Callable[[Any], str]
) -> tuple[Sequence[Any], str | None]:
    """The token is the name of this page's last item, so that items that are new meanwhile move nothing."""
    start = 0
    if token := request.get("NextToken"):
        places = [index for index, item in enumerate(items) if name(item) == token]
        if not places:
            raise BadRequestException(f"Invalid nextToken: {token}")
        start = places[0] + 1
    end = start + request.get("MaxResults", PAGE)
    return items[start:end], name(items[end - 1]) if end < len(items) else None
