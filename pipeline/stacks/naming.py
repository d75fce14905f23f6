"""Fixed names in the template: logical ids that outlive a change of the constructs around them.

CloudFormation replaces a resource whose logical id changes, and CDK derives that id from where in the tree of
constructs the code happens to stand. What holds data, and what others look up by name, is therefore named here.
"""

from __future__ import annotations

from typing import TypeVar

from aws_cdk import CfnElement, CfnResource
from constructs import Construct

C = TypeVar("C", bound=Construct)


def named(construct: C, logical_id: str) -> C:
    """The same construct, its main resource under exactly this logical id."""
    element = construct if isinstance(construct, CfnElement) else resource(construct)
    element.override_logical_id(logical_id)
    return construct


def resource(construct: Construct) -> CfnResource:
    """The CloudFormation resource behind a construct."""
    child = construct.node.default_child
    assert isinstance(child, CfnResource), f"{construct.node.path} is no single resource"
    return child
