"""MediaConvert's rules between settings: what CreateJob refuses although every single value keeps to the model.

In: a CreateJob request that keeps to the service model. Out: violations, in the order of the rules. Each rule quotes
the sentence of AWS's documentation it stands on (botocore's service model carries the API reference's text; the user
guide is named where it is the source). What AWS would accept and the local engine cannot do is not here but in
`honoured`. AWS's wording is known for "... is a required property" and "Should have at least 1 items" only; the other
messages are ours.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.local.mediaconvert.model import Violation
from pipeline.local.mediaconvert.transfer import split_url

# AacSettings.Bitrate: "The set of valid values for this setting is: ..."
AAC_BITRATES = frozenset({
    6000, 8000, 10000, 12000, 14000, 16000, 20000, 24000, 28000, 32000, 40000, 48000, 56000, 64000, 80000, 96000,
    112000, 128000, 160000, 192000, 224000, 256000, 288000, 320000, 384000, 448000, 512000, 576000, 640000, 768000,
    896000, 1024000,
})  # fmt: skip

# "Required when you set Type to ...": the member that holds a group type's settings.
GROUP_SETTINGS = {
    "HLS_GROUP_SETTINGS": "HlsGroupSettings",
    "DASH_ISO_GROUP_SETTINGS": "DashIsoGroupSettings",
    "FILE_GROUP_SETTINGS": "FileGroupSettings",
    "MS_SMOOTH_GROUP_SETTINGS": "MsSmoothGroupSettings",
    "CMAF_GROUP_SETTINGS": "CmafGroupSettings",
}


@dataclasses.dataclass(frozen=True)
class Group:
    """One output group with where it stands."""

    pointer: str
    settings: Mapping[str, Any]

    @property
    def type(self) -> str | None:
        return self.settings.get("OutputGroupSettings", {}).get("Type")

    @property
    def type_settings(self) -> Mapping[str, Any]:
        """What is in CmafGroupSettings, FileGroupSettings and so on, by the group's type."""
        return self.settings.get("OutputGroupSettings", {}).get(GROUP_SETTINGS.get(self.type or ""), {})

    @property
    def type_pointer(self) -> str:
        name = GROUP_SETTINGS.get(self.type or "", "")
        return f"{self.pointer}/outputGroupSettings/{_lower(name)}"

    def outputs(self) -> list[Output]:
        return [
            Output(f"{self.pointer}/outputs/{index}", settings, self)
            for index, settings in enumerate(self.settings.get("Outputs", []))
        ]


@dataclasses.dataclass(frozen=True)
class Output:
    """One output with where it stands and the group it is in."""

    pointer: str
    settings: Mapping[str, Any]
    group: Group

    @property
    def container(self) -> str | None:
        return self.settings.get("ContainerSettings", {}).get("Container")

    @property
    def cmfc(self) -> Mapping[str, Any]:
        return self.settings.get("ContainerSettings", {}).get("CmfcSettings", {})

    @property
    def video(self) -> Mapping[str, Any]:
        return self.settings.get("VideoDescription", {})

    @property
    def video_codec(self) -> str | None:
        return self.video.get("CodecSettings", {}).get("Codec")

    @property
    def audio(self) -> list[Mapping[str, Any]]:
        return self.settings.get("AudioDescriptions", [])

    @property
    def captions(self) -> list[Mapping[str, Any]]:
        return self.settings.get("CaptionDescriptions", [])

    @property
    def h264(self) -> Mapping[str, Any]:
        return self.video.get("CodecSettings", {}).get("H264Settings", {})

    @property
    def h264_pointer(self) -> str:
        return f"{self.pointer}/videoDescription/codecSettings/h264Settings"

    @property
    def is_frame_capture(self) -> bool:
        return self.video_codec == "FRAME_CAPTURE"


def violations(request: Mapping[str, Any]) -> list[Violation]:
    """Everything a CreateJob request breaks. Rules about parts that are missing pass over them."""
    settings = request["Settings"]
    groups = [Group(f"/outputGroups/{index}", group) for index, group in enumerate(settings.get("OutputGroups", []))]
    found = [
        *_role_is_an_arn(request),
        *_token_is_short(request),
        *_hops_say_when(request),
        *_inputs_are_present(settings),
        *_groups_are_present(settings),
    ]
    for rule in INPUT_RULES:
        for index, source in enumerate(settings.get("Inputs", [])):
            found += rule(f"/inputs/{index}", source)
    for rule in GROUP_RULES:
        for group in groups:
            found += rule(group)
    for rule in OUTPUT_RULES:
        for group in groups:
            for output in group.outputs():
                found += rule(output)
    for rule in JOB_RULES:
        found += rule(settings, groups)
    return found


# --- the job -----------------------------------------------------------------------------------------------------


def _role_is_an_arn(request: Mapping[str, Any]) -> Iterator[Violation]:
    """CreateJob.Role: "Required. The IAM role you use for creating this job." """
    if not request["Role"].startswith("arn:"):
        yield Violation("/role", f"{request['Role']} should be the ARN of an IAM role")


def _token_is_short(request: Mapping[str, Any]) -> Iterator[Violation]:
    """ClientRequestToken: "can be any string that includes up to 64 ASCII characters"."""
    token = request.get("ClientRequestToken", "")
    if len(token) > 64 or not token.isascii():
        yield Violation("/clientRequestToken", "Should have at most 64 characters, all of them ASCII")


def _hops_say_when(request: Mapping[str, Any]) -> Iterator[Violation]:
    """WaitMinutes: "Required for setting up a job to use queue hopping. ... Valid range is 1 to 4320 minutes"."""
    for index, hop in enumerate(request.get("HopDestinations", [])):
        if "WaitMinutes" not in hop:
            yield Violation(f"/hopDestinations/{index}", "waitMinutes is a required property")
        elif not 1 <= hop["WaitMinutes"] <= 4320:
            yield Violation(
                f"/hopDestinations/{index}/waitMinutes", f"{hop['WaitMinutes']} should be between 1 and 4320"
            )


def _inputs_are_present(settings: Mapping[str, Any]) -> Iterator[Violation]:
    """A job without a template brings its own inputs."""
    if "Inputs" not in settings:
        yield Violation("", "inputs is a required property")
    elif not settings["Inputs"]:
        yield Violation("/inputs", "Should have at least 1 items")


def _groups_are_present(settings: Mapping[str, Any]) -> Iterator[Violation]:
    if "OutputGroups" not in settings:
        yield Violation("", "outputGroups is a required property")
    elif not settings["OutputGroups"]:
        yield Violation("/outputGroups", "Should have at least 1 items")


def _job_does_more_than_capture_frames(settings: Mapping[str, Any], groups: list[Group]) -> Iterator[Violation]:
    """User guide, File group with a frame capture output: "You can create frame capture outputs only in jobs that also
    have a regular audio and video output. MediaConvert doesn't support jobs that consist only of a frame capture
    output." """
    outputs = [output for group in groups for output in group.outputs()]
    if outputs and all(output.is_frame_capture for output in outputs):
        yield Violation(
            "/outputGroups",
            "Frame capture outputs are possible only in jobs that also have a regular audio and video output; "
            "MediaConvert doesn't support jobs that consist only of frame capture outputs",
        )


def _audio_sources_exist(settings: Mapping[str, Any], groups: list[Group]) -> Iterator[Violation]:
    """AudioSourceName: "Specifies which audio data to use from each input ... by name". With no default selector to
    fall back on, AWS inserts silence; a name that no input knows at all is a slip, and is refused."""
    selectors = {
        name
        for source in settings.get("Inputs", [])
        for member in ("AudioSelectors", "AudioSelectorGroups", "DynamicAudioSelectors")
        for name in source.get(member, {})
    }
    for group in groups:
        for output in group.outputs():
            for index, description in enumerate(output.audio):
                name = description.get("AudioSourceName", "Audio Selector 1")
                if name not in selectors:
                    yield Violation(
                        f"{output.pointer}/audioDescriptions/{index}/audioSourceName",
                        f"{name} should be the name of an audio selector of the input "
                        f"(there are: {', '.join(sorted(selectors)) or 'none'})",
                    )


def _caption_selectors_exist(settings: Mapping[str, Any], groups: list[Group]) -> Iterator[Violation]:
    """CaptionSelectorName: "Specifies which Caption Selector to use from each input when generating captions"."""
    selectors = {name for source in settings.get("Inputs", []) for name in source.get("CaptionSelectors", {})}
    for group in groups:
        for output in group.outputs():
            for index, description in enumerate(output.captions):
                pointer = f"{output.pointer}/captionDescriptions/{index}"
                name = description.get("CaptionSelectorName")
                if name is None:
                    yield Violation(pointer, "captionSelectorName is a required property")
                elif name not in selectors:
                    yield Violation(
                        f"{pointer}/captionSelectorName",
                        f"{name} should be the name of a caption selector of the input "
                        f"(there are: {', '.join(sorted(selectors)) or 'none'})",
                    )


def _no_two_outputs_write_the_same_files(settings: Mapping[str, Any], groups: list[Group]) -> Iterator[Violation]:
    """Two groups with one destination need different name modifiers as well: their files meet in one folder."""
    seen: dict[tuple[str, str, str], str] = {}
    for group in groups:
        for output in group.outputs():
            destination = group.type_settings.get("Destination")
            if destination is None:
                continue
            files = (destination, output.settings.get("NameModifier", ""), output.container or "")
            if files in seen and not seen[files].startswith(f"{group.pointer}/"):
                yield Violation(f"{output.pointer}/nameModifier", f"This output writes the same files as {seen[files]}")
            seen.setdefault(files, output.pointer)


# --- inputs ------------------------------------------------------------------------------------------------------


def _input_has_a_file(pointer: str, source: Mapping[str, Any]) -> Iterator[Violation]:
    """FileInput: "Specify the source file for your transcoding job." (VideoGenerator: "You can specify Video
    generator, or you can specify an Input file, but you cannot specify both.")"""
    if "FileInput" not in source and "VideoGenerator" not in source and "TamsSettings" not in source:
        yield Violation(pointer, "fileInput is a required property")


def _s3_input_names_an_object(pointer: str, source: Mapping[str, Any]) -> Iterator[Violation]:
    url = source.get("FileInput", "")
    if url.startswith("s3://") and not split_url(url)[1]:
        yield Violation(f"{pointer}/fileInput", f"{url} should name an object in the bucket")


def _selector_by_track_names_tracks(pointer: str, source: Mapping[str, Any]) -> Iterator[Violation]:
    """SelectorType TRACK selects by Tracks: "Identify a track from the input audio to include in this selector"."""
    for name, selector in source.get("AudioSelectors", {}).items():
        if selector.get("SelectorType") == "TRACK" and not selector.get("Tracks"):
            yield Violation(
                f"{pointer}/audioSelectors/{name}", "tracks is a required property when selectorType is TRACK"
            )


def _captions_have_a_source(pointer: str, source: Mapping[str, Any]) -> Iterator[Violation]:
    """SourceType: "Use Source to identify the format of your input captions. The service cannot auto-detect caption
    format." FileSourceSettings: "If your input captions are SCC, SMI, SRT, STL, TTML, WebVTT ... specify the URI of the
    input caption source file." (WebVTT may also come with an HLS input, IMSC with an IMF package.)"""
    for name, selector in source.get("CaptionSelectors", {}).items():
        place, settings = f"{pointer}/captionSelectors/{name}", selector.get("SourceSettings", {})
        kind = settings.get("SourceType")
        if kind is None:
            yield Violation(place, "sourceSettings with sourceType is a required property")
        elif _is_sidecar(settings) and not settings.get("FileSourceSettings", {}).get("SourceFile"):
            needed = "fileSourceSettings with sourceFile is a required property"
            yield Violation(f"{place}/sourceSettings", f"{needed} for {kind}")


def _is_sidecar(settings: Mapping[str, Any]) -> bool:
    if settings["SourceType"] == "WEBVTT":
        return "WebvttHlsSourceSettings" not in settings
    return settings["SourceType"] in ("SCC", "SMI", "SRT", "STL", "TTML", "SMPTE_TT")


# --- output groups -----------------------------------------------------------------------------------------------


def _group_has_its_settings(group: Group) -> Iterator[Violation]:
    """OutputGroupSettings: "include this object and any required children when you set Type to ..." """
    if "OutputGroupSettings" not in group.settings:
        yield Violation(group.pointer, "outputGroupSettings is a required property")
    elif group.type is None:
        yield Violation(f"{group.pointer}/outputGroupSettings", "type is a required property")
    elif GROUP_SETTINGS[group.type] not in group.settings["OutputGroupSettings"]:
        yield Violation(
            f"{group.pointer}/outputGroupSettings", f"{_lower(GROUP_SETTINGS[group.type])} is a required property"
        )


def _group_has_no_other_settings(group: Group) -> Iterator[Violation]:
    given = group.settings.get("OutputGroupSettings", {})
    for kind, name in GROUP_SETTINGS.items():
        if name in given and group.type is not None and kind != group.type:
            yield Violation(
                f"{group.pointer}/outputGroupSettings",
                f"{_lower(name)} does not belong to a group of type {group.type}",
            )


def _group_has_outputs(group: Group) -> Iterator[Violation]:
    if "Outputs" not in group.settings:
        yield Violation(group.pointer, "outputs is a required property")
    elif not group.settings["Outputs"]:
        yield Violation(f"{group.pointer}/outputs", "Should have at least 1 items")


def _destination_names_a_bucket(group: Group) -> Iterator[Violation]:
    """Destination: "specify the S3 output location and the output filename base"."""
    if GROUP_SETTINGS.get(group.type or "") not in group.settings.get("OutputGroupSettings", {}):
        return
    destination = group.type_settings.get("Destination")
    if destination is None:
        yield Violation(group.type_pointer, "destination is a required property")
        return
    if not re.fullmatch(r"s3://[^/]+/.*", destination, re.DOTALL):
        yield Violation(f"{group.type_pointer}/destination", f"{destination} should be s3://bucket/ and a path")


def _name_modifiers_differ(group: Group) -> Iterator[Violation]:
    """NameModifier: "When you create multiple outputs in the same output group, Name modifier is required." """
    outputs = group.outputs()
    seen: set[str] = set()
    for output in outputs:
        modifier = output.settings.get("NameModifier")
        if modifier is None and len(outputs) > 1:
            yield Violation(output.pointer, "nameModifier is a required property when a group has several outputs")
        if modifier in seen:
            yield Violation(f"{output.pointer}/nameModifier", f"{modifier} is already used in this output group")
        if modifier is not None:
            seen.add(modifier)


def _rendition_sets_exist(group: Group) -> Iterator[Violation]:
    """AudioRenditionSets: "The rendition groups that you include in your comma-separated list should all match values
    that you specify" in AudioGroupId."""
    if group.type != "CMAF_GROUP_SETTINGS":
        return
    groups = {output.cmfc["AudioGroupId"] for output in group.outputs() if "AudioGroupId" in output.cmfc}
    for output in group.outputs():
        for name in filter(None, (part.strip() for part in output.cmfc.get("AudioRenditionSets", "").split(","))):
            if name not in groups:
                yield Violation(
                    f"{output.pointer}/containerSettings/cmfcSettings/audioRenditionSets",
                    f"{name} should be the audioGroupId of an audio output of this group "
                    f"(there are: {', '.join(sorted(groups)) or 'none'})",
                )


def _one_audio_output_is_the_default(group: Group) -> Iterator[Violation]:
    """AudioTrackType, of ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT: "Choose this value for only one variant in your output
    group." It is the default, so: "When there is more than one variant in your output group, you must explicitly
    choose a value for this setting." """
    if group.type != "CMAF_GROUP_SETTINGS":
        return
    default = "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT"
    audio = [output for output in group.outputs() if output.audio]
    chosen = [output for output in audio if output.cmfc.get("AudioTrackType", default) == default]
    for output in chosen[1:]:
        yield Violation(
            f"{output.pointer}/containerSettings/cmfcSettings/audioTrackType",
            f"{default} is already the type of {chosen[0].pointer}; a group has only one default audio output",
        )


def _trick_play_settings_fit(group: Group) -> Iterator[Violation]:
    """ImageBasedTrickPlaySettings: "applicable when imageBasedTrickPlay is ADVANCED"; ImageBasedTrickPlayVariants:
    "Choose Variants to specify multiple trick play variants". That AWS refuses what is not applicable is our belief."""
    kind = group.type_settings.get("ImageBasedTrickPlay", "NONE")
    for member, of in (("ImageBasedTrickPlaySettings", "ADVANCED"), ("ImageBasedTrickPlayVariants", "VARIANTS")):
        given = group.type_settings.get(member)
        if given and kind != of:
            yield Violation(f"{group.type_pointer}/{_lower(member)}", f"Applies only when imageBasedTrickPlay is {of}")
    if kind == "VARIANTS" and not group.type_settings.get("ImageBasedTrickPlayVariants"):
        yield Violation(group.type_pointer, "imageBasedTrickPlayVariants is a required property with VARIANTS")


def _thumbnails_fit_their_images(group: Group) -> Iterator[Violation]:
    """ThumbnailWidth: "Must be divisible by 8." ThumbnailHeight: "Must be divisible by 2"; "a total tile height greater
    than 4096 ... will be rejected". FOLLOW_CUSTOM: "according to the interval you specify in thumbnailInterval".
    "FOLLOW_SEGMENTATION requires 1x1 tiling." """
    members = [("imageBasedTrickPlaySettings", group.type_settings.get("ImageBasedTrickPlaySettings", {}))]
    for number, variant in enumerate(group.type_settings.get("ImageBasedTrickPlayVariants", [])):
        members.append((f"imageBasedTrickPlayVariants/{number}", variant))
    for name, settings in members:
        pointer = f"{group.type_pointer}/{name}"
        for side, multiple in (("ThumbnailWidth", 8), ("ThumbnailHeight", 2)):
            if settings.get(side, 0) % multiple:
                yield Violation(f"{pointer}/{_lower(side)}", f"{settings[side]} should be divisible by {multiple}")
        height = settings.get("ThumbnailHeight", 0) * settings.get("TileHeight", 1)
        if height > 4096:
            yield Violation(pointer, f"tileHeight times thumbnailHeight is {height}; should not be greater than 4096")
        cadence = settings.get("IntervalCadence")
        if cadence == "FOLLOW_CUSTOM" and not settings.get("ThumbnailInterval", 0) > 0:
            yield Violation(pointer, "thumbnailInterval is a required property when intervalCadence is FOLLOW_CUSTOM")
        if cadence == "FOLLOW_SEGMENTATION" and (settings.get("TileWidth"), settings.get("TileHeight")) != (1, 1):
            yield Violation(pointer, "tileWidth and tileHeight should be 1 when intervalCadence is FOLLOW_SEGMENTATION")


# --- outputs -----------------------------------------------------------------------------------------------------


def _output_has_a_container(output: Output) -> Iterator[Violation]:
    """AWS: "/outputGroups/0/outputs/0: containerSettings is a required property"."""
    if "ContainerSettings" not in output.settings:
        yield Violation(output.pointer, "containerSettings is a required property")
    elif output.container is None:
        yield Violation(f"{output.pointer}/containerSettings", "container is a required property")


def _container_fits_the_group(output: Output) -> Iterator[Violation]:
    """CMAF groups hold CMFC containers and nothing else does."""
    in_cmaf = output.group.type == "CMAF_GROUP_SETTINGS"
    if output.container and output.group.type and in_cmaf != (output.container == "CMFC"):
        yield Violation(
            f"{output.pointer}/containerSettings/container",
            f"{output.container} does not belong in a group of type {output.group.type}",
        )


def _cmaf_output_holds_one_thing(output: Output) -> Iterator[Violation]:
    """CmafGroupSettings: "Each output in a CMAF Output Group may only contain a single video, audio, or caption
    output." """
    contents = bool(output.video) + len(output.audio) + len(output.captions)
    if output.group.type == "CMAF_GROUP_SETTINGS" and contents != 1:
        yield Violation(
            output.pointer,
            "An output in a CMAF output group may only contain a single video, audio, or caption output; this one has "
            f"{int(bool(output.video))} video, {len(output.audio)} audio and {len(output.captions)} captions",
        )


def _output_holds_something(output: Output) -> Iterator[Violation]:
    if output.group.type != "CMAF_GROUP_SETTINGS" and not (output.video or output.audio or output.captions):
        yield Violation(output.pointer, "Should have a videoDescription, audioDescriptions or captionDescriptions")


def _codec_has_its_settings(output: Output) -> Iterator[Violation]:
    """H264Settings: "Required when you set Codec to the value H_264"; FrameCaptureSettings and AacSettings likewise."""
    if output.video:
        yield from _codec(output.video, f"{output.pointer}/videoDescription", VIDEO_SETTINGS)
    for index, description in enumerate(output.audio):
        yield from _codec(description, f"{output.pointer}/audioDescriptions/{index}", {"AAC": "AacSettings"})


VIDEO_SETTINGS = {"H_264": "H264Settings", "FRAME_CAPTURE": "FrameCaptureSettings"}


def _codec(description: Mapping[str, Any], pointer: str, members: Mapping[str, str]) -> Iterator[Violation]:
    if "CodecSettings" not in description:
        yield Violation(pointer, "codecSettings is a required property")
        return
    codec = description["CodecSettings"].get("Codec")
    if codec is None:
        yield Violation(f"{pointer}/codecSettings", "codec is a required property")
    elif codec in members and members[codec] not in description["CodecSettings"]:
        yield Violation(f"{pointer}/codecSettings", f"{_lower(members[codec])} is a required property")


def _frame_capture_stands_alone(output: Output) -> Iterator[Violation]:
    """User guide, File group with a frame capture output: "You set it up similar to a regular File group output group.
    However, you remove the audio component, choose No container for the container"."""
    if not output.is_frame_capture:
        return
    if output.group.type not in (None, "FILE_GROUP_SETTINGS"):
        yield Violation(
            output.pointer, f"Frame capture belongs in a FILE_GROUP_SETTINGS group, not {output.group.type}"
        )
    if output.container not in (None, "RAW"):
        yield Violation(
            f"{output.pointer}/containerSettings/container",
            f"Frame capture needs RAW (No container), not {output.container}",
        )
    if output.audio:
        yield Violation(f"{output.pointer}/audioDescriptions", "A frame capture output has no audio")


def _picture_size_is_even(output: Output) -> Iterator[Violation]:
    """4:2:0 has one chroma sample for each two by two pixels."""
    if output.video_codec not in VIDEO_SETTINGS:
        return
    for name in ("Width", "Height"):
        if output.video.get(name, 0) % 2:
            yield Violation(
                f"{output.pointer}/videoDescription/{_lower(name)}", f"{output.video[name]} should be an even number"
            )


def _qvbr_has_its_ceiling(output: Output) -> Iterator[Violation]:
    """MaxBitrate: "Required when Rate control mode is QVBR." Automated ABR chooses it for each rendition instead."""
    if output.group.settings.get("AutomatedEncodingSettings"):
        return
    if output.h264.get("RateControlMode") == "QVBR" and "MaxBitrate" not in output.h264:
        yield Violation(output.h264_pointer, "maxBitrate is a required property when rateControlMode is QVBR")


def _qvbr_settings_need_qvbr(output: Output) -> Iterator[Violation]:
    """QvbrSettings: "Use these settings only when you set QVBR for Rate control mode." """
    if "QvbrSettings" in output.h264 and output.h264.get("RateControlMode", "QVBR") != "QVBR":
        yield Violation(
            output.h264_pointer, f"qvbrSettings is not for rateControlMode {output.h264['RateControlMode']}"
        )


def _bitrate_is_for_vbr_and_cbr(output: Output) -> Iterator[Violation]:
    """Bitrate: "Specify the average bitrate in bits per second. Required for VBR and CBR." """
    mode = output.h264.get("RateControlMode")
    if mode == "QVBR" and "Bitrate" in output.h264:
        yield Violation(output.h264_pointer, "bitrate is for rateControlMode VBR and CBR; QVBR has maxBitrate")
    if mode in ("VBR", "CBR") and "Bitrate" not in output.h264:
        yield Violation(output.h264_pointer, f"bitrate is a required property when rateControlMode is {mode}")


def _specified_rates_are_specified(output: Output) -> Iterator[Violation]:
    """FramerateControl and ParControl: "When you choose SPECIFIED for this setting, you must also specify values for"
    the numerator and the denominator."""
    for control, parts in (
        ("FramerateControl", ("FramerateNumerator", "FramerateDenominator")),
        ("ParControl", ("ParNumerator", "ParDenominator")),
    ):
        given = [part for part in parts if part in output.h264]
        if output.h264.get(control) == "SPECIFIED" and len(given) < 2:
            missing = " and ".join(_lower(part) for part in parts if part not in given)
            yield Violation(
                output.h264_pointer, f"{missing} is a required property when {_lower(control)} is SPECIFIED"
            )


def _gop_size_is_given_when_it_is_specified(output: Output) -> Iterator[Violation]:
    """GopSizeUnits: "choose Specified, frames or Specified, seconds and then provide the GOP length in the related
    setting GOP size"; "a whole number of frames or a decimal value of seconds"; AUTO: "leave GOP size blank"."""
    units, size = output.h264.get("GopSizeUnits"), output.h264.get("GopSize")
    if units in ("FRAMES", "SECONDS") and size is None:
        yield Violation(output.h264_pointer, f"gopSize is a required property when gopSizeUnits is {units}")
    if units == "AUTO" and size is not None:
        yield Violation(f"{output.h264_pointer}/gopSize", "Leave gopSize out when gopSizeUnits is AUTO")
    if units == "FRAMES" and size is not None and size != int(size):
        yield Violation(f"{output.h264_pointer}/gopSize", f"{size:g} should be a whole number of frames")
    if size is not None and size <= 0:
        yield Violation(f"{output.h264_pointer}/gopSize", f"{size:g} should be greater than 0")


def _gops_close_in_segmented_outputs(output: Output) -> Iterator[Violation]:
    """GopClosedCadence: "for segmented outputs, don't set this value to 0"."""
    if output.group.type == "CMAF_GROUP_SETTINGS" and output.h264.get("GopClosedCadence") == 0:
        yield Violation(f"{output.h264_pointer}/gopClosedCadence", "Should not be 0 in segmented outputs")


def _cabac_needs_main_or_high(output: Output) -> Iterator[Violation]:
    """EntropyEncoding: "Use CABAC (must be in Main or High profile) or CAVLC." """
    if output.h264.get("CodecProfile") == "BASELINE" and output.h264.get("EntropyEncoding") == "CABAC":
        yield Violation(f"{output.h264_pointer}/entropyEncoding", "CABAC must be in Main or High profile, not BASELINE")


def _aac_bitrate_is_one_of_the_set(output: Output) -> Iterator[Violation]:
    """AacSettings.Bitrate: "The set of valid values for this setting is: ..." """
    for index, description in enumerate(output.audio):
        bitrate = description.get("CodecSettings", {}).get("AacSettings", {}).get("Bitrate")
        if bitrate is not None and bitrate not in AAC_BITRATES:
            yield Violation(
                f"{output.pointer}/audioDescriptions/{index}/codecSettings/aacSettings/bitrate",
                f"{bitrate} should be one of {', '.join(str(rate) for rate in sorted(AAC_BITRATES))}",
            )


#: User guide, Captions support tables by output container type.
CMAF_CAPTIONS = ("IMSC", "WEBVTT")


def _captions_fit_the_container(output: Output) -> Iterator[Violation]:
    for index, description in enumerate(output.captions):
        pointer = f"{output.pointer}/captionDescriptions/{index}"
        kind = description.get("DestinationSettings", {}).get("DestinationType", "EMBEDDED")
        if output.container == "CMFC" and kind not in CMAF_CAPTIONS:
            yield Violation(
                f"{pointer}/destinationSettings/destinationType",
                f"{kind} does not belong in a CMFC container (these do: {', '.join(CMAF_CAPTIONS)})",
            )


def _configured_language_is_configured(output: Output) -> Iterator[Violation]:
    """LanguageCodeControl: USE_CONFIGURED takes the language from LanguageCode or CustomLanguageCode."""
    for index, description in enumerate(output.audio):
        if description.get("LanguageCodeControl") == "USE_CONFIGURED" and not (
            description.get("LanguageCode") or description.get("CustomLanguageCode")
        ):
            yield Violation(
                f"{output.pointer}/audioDescriptions/{index}",
                "languageCode is a required property when languageCodeControl is USE_CONFIGURED",
            )


def _lower(name: str) -> str:
    """A member's name on the wire."""
    return name[:1].lower() + name[1:]


INPUT_RULES: tuple[Callable[[str, Mapping[str, Any]], Iterator[Violation]], ...] = (
    _input_has_a_file,
    _s3_input_names_an_object,
    _selector_by_track_names_tracks,
    _captions_have_a_source,
)

GROUP_RULES: tuple[Callable[[Group], Iterator[Violation]], ...] = (
    _group_has_its_settings,
    _group_has_no_other_settings,
    _group_has_outputs,
    _destination_names_a_bucket,
    _name_modifiers_differ,
    _rendition_sets_exist,
    _one_audio_output_is_the_default,
    _trick_play_settings_fit,
    _thumbnails_fit_their_images,
)

OUTPUT_RULES: tuple[Callable[[Output], Iterator[Violation]], ...] = (
    _output_has_a_container,
    _container_fits_the_group,
    _cmaf_output_holds_one_thing,
    _output_holds_something,
    _codec_has_its_settings,
    _frame_capture_stands_alone,
    _picture_size_is_even,
    _qvbr_has_its_ceiling,
    _qvbr_settings_need_qvbr,
    _bitrate_is_for_vbr_and_cbr,
    _specified_rates_are_specified,
    _gop_size_is_given_when_it_is_specified,
    _gops_close_in_segmented_outputs,
    _cabac_needs_main_or_high,
    _aac_bitrate_is_one_of_the_set,
    _configured_language_is_configured,
    _captions_fit_the_container,
)

JOB_RULES: tuple[Callable[[Mapping[str, Any], list[Group]], Iterator[Violation]], ...] = (
    _job_does_more_than_capture_frames,
    _audio_sources_exist,
    _caption_selectors_exist,
    _no_two_outputs_write_the_same_files,
)
