"""Films as MediaConvert's Probe would describe them, and the uploads that brought them."""

from __future__ import annotations

from typing import Any

from pipeline.media.asset import Upload
from pipeline.media.source import Source

BUCKET = "vod-sources"
OUTPUTS = "vod-outputs"


def event(key: str = "uploads/My Film.mov", sequencer: str = "00617F08299329D189", **more: Any) -> dict[str, Any]:
    """The parts of an "Object Created" event that we read."""
    stored = {"key": key, "size": 1048576, "etag": "b1946ac92492d2347c6235b4d2611184", "sequencer": sequencer}
    return {"detail": {"bucket": {"name": BUCKET}, "object": {**stored, "version-id": "IYV3p45BT0ac8hjHg1", **more}}}


def upload(key: str = "uploads/My Film.mov", **more: Any) -> Upload:
    return Upload.from_event(event(key, **more))


def ratio(text: str) -> dict[str, int]:
    numerator, _, denominator = text.partition("/")
    return {"Numerator": int(numerator), "Denominator": int(denominator or 1)}


def picture(
    width: int = 1920, height: int = 1080, rate: str = "30", codec: str = "AVC", scan: str = "Progressive", **more: Any
) -> dict[str, Any]:
    """A video track. `more` are VideoProperties (Rotation=90, SampleAspectRatio=...), but for CodedFrameRate."""
    size = {"Width": width, "Height": height, "BitDepth": 8}
    coded = more.pop("CodedFrameRate", ratio(rate))
    properties = {
        **size,
        "FrameRate": ratio(rate),
        "TransferCharacteristics": "ITU_709",
        "CodecMetadata": {**size, "CodedFrameRate": coded, "ScanType": scan},
        **more,
    }
    return {"Index": 1, "TrackType": "video", "Codec": codec, "VideoProperties": properties}


def sound(channels: int = 2, language: str | None = None, codec: str = "AAC", index: int = 2) -> dict[str, Any]:
    properties = {"Channels": channels, "SampleRate": 48000, **({"LanguageCode": language} if language else {})}
    return {"Index": index, "TrackType": "audio", "Codec": codec, "AudioProperties": properties}


def data(codec: str | None, language: str | None = None) -> dict[str, Any]:
    """A data track: captions, timecode, what a telephone notes."""
    properties = {"LanguageCode": language} if language else {}
    return {"Index": 9, "TrackType": "data", **({"Codec": codec} if codec else {}), "DataProperties": properties}


def probed(*tracks: dict[str, Any], container: str = "mp4", seconds: float | None = 20.0) -> dict[str, Any]:
    """A ProbeResult."""
    described: dict[str, Any] = {"Format": container, "Tracks": list(tracks)}
    if seconds is not None:
        described["Duration"] = seconds
    return {"Container": described, "Metadata": {"FileSize": 1048576, "MimeType": "video/mp4"}}


def source(*tracks: dict[str, Any], container: str = "mp4", seconds: float | None = 20.0) -> Source:
    return Source.from_probe(probed(*(tracks or (picture(), sound())), container=container, seconds=seconds), "film")
