"""What content teams read is true: the schema in docs/ is the reader's, and the page's examples are taken."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pipeline.media import profiles, wishes

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "docs" / "film.schema.json"


def test_the_published_schema_is_the_readers():
    """With the profiles that the repository ships. `VOD_UPDATE_DOCS=1 pytest tests/docs` writes it anew."""
    text = json.dumps(wishes.schema(tuple(profiles.load())), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("VOD_UPDATE_DOCS"):
        SCHEMA.write_text(text)
    assert SCHEMA.read_text() == text
