"""A picture beside the film is published as it is, or left out in plain words."""

from __future__ import annotations

from pipeline.media import images, poster
from tests.media.test_images import jpeg, png


def test_a_picture_is_what_its_bytes_say_whatever_its_name():
    found = poster.look_at(png(640, 360) + b"IEND", "My Film.jpg")
    assert (found.path, found.content_type, found.warnings) == ("poster-sidecar.png", "image/png", ())
    assert found.as_state() == {
        "file": "My Film.jpg", "path": "poster-sidecar.png", "width": 640, "height": 360, "warnings": [],
    }  # fmt: skip


def test_what_is_no_picture_is_left_out_with_a_reason():
    found = poster.look_at(b"%PDF-1.7", "My Film.jpg")
    assert found.path is None and found.as_state() == {
        "file": "My Film.jpg",
        "warnings": [
            "My Film.jpg is not used as the poster: it begins neither as JPEG nor as PNG; save it as JPEG or PNG"
        ],
    }


def test_a_picture_that_was_deleted_meanwhile_is_told():
    assert poster.look_at(None, "f.jpg").warnings == ("f.jpg was deleted before it could become the poster",)


def test_a_heavy_picture_is_published_and_its_weight_told():
    heavy = jpeg(640, 360) + bytes(3 * 1024**2) + b"\xff\xd9"
    found = poster.look_at(heavy, "f.jpg")
    assert found.path == "poster-sidecar.jpg" and len(heavy) < images.MOST_BYTES
    assert found.warnings == ("f.jpg has 3.0 MiB, for which viewers wait; 1 MiB is enough for a poster",)
