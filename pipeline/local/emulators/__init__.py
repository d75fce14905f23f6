"""The one place that touches private parts of ministack and moto; everyone else speaks AWS's API to an endpoint.

ministack carries S3, EventBridge, SQS, SNS, DynamoDB, CloudFormation and the Lambda and Step Functions APIs; moto's
interpreter runs the state machine; AWS's awslambdaric runs the handlers. None of them offers hooks for that, so the
modules here replace functions inside them. That holds for exactly the versions named below: `check_versions()` refuses
others before anything is patched, and tests/local/ runs the contract (the ASL cases first of all) against the result.

Importing this package changes nothing. Patches are applied by the install functions, once.
"""

from __future__ import annotations

from importlib import metadata

WRITTEN_FOR = {"ministack": "1.5.33", "moto": "5.2.5", "awslambdaric": "4.2.2"}


class EmulatorVersion(Exception):
    """An installed emulator is not the version the adaptations were written for."""


def check_versions(wanted: dict[str, str] = WRITTEN_FOR) -> None:
    """Refuse to start on versions whose insides nobody has looked at."""
    wrong = [
        f"{package} is {_installed(package) or 'not installed'}, needs {version}"
        for package, version in wanted.items()
        if _installed(package) != version
    ]
    if wrong:
        raise EmulatorVersion(
            f"the local stack changes the insides of these packages and knows them only in one version: "
            f"{'; '.join(wrong)}. Install the pinned ones with: pip install -r requirements-dev.txt. "
            f"To move to a new version: change WRITTEN_FOR in pipeline/local/emulators/__init__.py "
            f"and make tests/local pass."
        )


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
