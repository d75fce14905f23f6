"""Which pipeline a console looks at, and what it may do there."""

from __future__ import annotations

import dataclasses
from typing import Any

from pipeline.aws.operate import Place


@dataclasses.dataclass(frozen=True)
class Here:
    """One stack. endpoint: "local" on a laptop's own, None in AWS. may_write: allows actions and uploads.

    by: who decides, as it is kept with an approval or a release.
    """

    stack: str
    place: Place
    sources_bucket: str
    endpoint: str | None
    may_write: bool
    by: str

    def told(self) -> dict[str, Any]:
        _, _, _, region, account, *_ = self.place.state_machine_arn.split(":")
        return {
            "stack": self.stack,
            "region": region,
            "account": account,
            "endpoint": self.endpoint,
            "can_write": self.may_write,
            "delivery_url": self.place.delivery_url,
            "sources_bucket": self.sources_bucket,
            "state_machine_arn": self.place.state_machine_arn,
        }
