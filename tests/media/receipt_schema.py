"""The published schemas, held tighter than for readers: a field that is not described is a mistake of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

DOCS = Path(__file__).parents[2] / "docs"


def _schema(name: str) -> dict[str, Any]:
    schema = json.loads((DOCS / name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return {**schema, "additionalProperties": False}


RECEIPT = jsonschema.Draft202012Validator(_schema("receipt.schema.json"))
NOTIFICATION = jsonschema.Draft202012Validator(_schema("notification.schema.json"))


def check_receipt(receipt: dict[str, Any]) -> dict[str, Any]:
    """The receipt, which is as docs/receipt.schema.json has it."""
    RECEIPT.validate(receipt)
    return receipt


def check_message(message: dict[str, Any]) -> dict[str, Any]:
    """The message, which is as docs/notification.schema.json has it."""
    NOTIFICATION.validate(message)
    return message
