"""The local edge: what CloudFront does for our distribution, on a laptop, read from the synthesised template."""

from __future__ import annotations

from .app import Edge
from .bucket import BucketPolicyNotHonoured
from .distribution import DistributionNotHonoured
from .server import Serving, serve

__all__ = ["BucketPolicyNotHonoured", "DistributionNotHonoured", "Edge", "Serving", "serve"]
