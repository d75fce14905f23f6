"""Every rule of the lint, with where it comes from; docs/conformance.md is this list.

`python -m tests.lint.rules` prints the page. Apple's numbers are those of the HLS Authoring Specification for Apple
Devices (revision of 2023 and later).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from tests.lint import dash, hls
from tests.lint.presentation import Broken, Presentation


@dataclasses.dataclass(frozen=True)
class Rule:
    source: str
    words: str
    check: Callable[[Presentation], Iterator[str]]

    @property
    def name(self) -> str:
        return f"{self.check.__module__.rpartition('.')[2]}.{self.check.__name__}"


HLS = (
    Rule("RFC 8216bis 4.1, 6.2.1", "every URI leads to a file", hls.uris_lead_somewhere),
    Rule("Apple 8.6; RFC 8216bis 4.4.3.4, 4.4.3.5", "playlists are VOD and end", hls.playlists_are_of_films_on_demand),
    Rule("ours (ffmpeg's fault)", "no wall clock in a film", hls.no_wall_clock_in_a_film),
    Rule("Apple 7.7; RFC 8216bis 4.4.3.1", "no segment is longer than the target duration, rounded",
         hls.target_durations_bound_segments),
    Rule("ours (Shaka Packager's fault)", "the target duration is no longer than the longest segment, rounded",
         hls.target_durations_are_no_longer_than_needed),
    Rule("Apple 8.2", "picture and sound have the same target duration", hls.target_durations_agree),
    Rule("Apple 8.1", "EXTINF is what the segment presents, to the millisecond, and the sum to the frame",
         hls.durations_are_exact),
    Rule("Apple 5.5, 8.3, 8.7, 2.15", "picture, sound and captions cover the same time",
         hls.playlists_cover_the_same_time),
    Rule("Apple 7.1, 7.3", "each fragment's decode time follows from the one before", hls.segments_continue_each_other),
    Rule("Apple 7.4", "each segment of a picture begins with a key frame", hls.segments_begin_with_key_frames),
    Rule("Apple 8.22", "variants are cut at the same times, sound at the packet nearest to them",
         hls.renditions_are_cut_at_the_same_times),
    Rule("Apple 8.20; RFC 8216bis 4.4.4.5, 8", "EXT-X-MAP is there, and the version allows it",
         hls.init_segments_are_named),
    Rule("Apple 9.11", "EXT-X-INDEPENDENT-SEGMENTS", hls.segments_are_said_to_be_independent),
    Rule("Apple 4.7, 8.10, 9.1 to 9.4, 9.14 to 9.16", "attributes of variants, I-frames, images and renditions",
         hls.attributes_are_there),
    Rule("Apple 9.2, 9.15, 1.19", "RESOLUTION and FRAME-RATE are the picture's; 60 frames a second at most",
         hls.pictures_are_as_large_and_fast_as_said),
    Rule("Apple 9.1; RFC 8216bis 4.4.6.2", "CODECS are those of the init segments, of all groups and no others",
         hls.codecs_are_those_of_the_segments),
    Rule("Apple 1.10", "parameter sets are in the init segment (avc1, hvc1)",
         hls.parameter_sets_are_in_the_init_segments),
    Rule("Apple 9.16", "VIDEO-RANGE is what the init segment's colour box says",
         hls.video_ranges_are_those_of_the_segments),
    Rule("Apple 1.27, 6.9, 9.13; RFC 8216bis 4.4.6.2", "BANDWIDTH is the measured peak of all that plays together, "
         "within 1 %", hls.bandwidths_are_the_peaks),
    Rule("Apple 1.26, 9.14", "AVERAGE-BANDWIDTH is the average, within 1 %, and not above BANDWIDTH",
         hls.average_bandwidths_are_the_averages),
    Rule("RFC 8216bis 4.4.6.2", "groups that variants name have members", hls.groups_are_there),
    Rule("RFC 8216bis 4.4.6.1", "NAMEs in a group differ; sound has one default; a default is AUTOSELECT",
         hls.names_differ_and_one_is_the_default),
    Rule("RFC 8216bis 4.4.6.1.1", "members of several groups correspond", hls.groups_correspond),
    Rule("Apple 2.3; RFC 8216bis 4.4.6.1", "CHANNELS is the init segment's count; there is stereo",
         hls.channels_are_counted),
    Rule("ISO/IEC 23000-19, 7.5.12; 14496-12, 8.6.6", "the edit list skips what the encoder put before the sound",
         hls.sounds_skip_their_priming),
    Rule("Apple 4.4; RFC 8216bis 4.4.6.2", "CLOSED-CAPTIONS=NONE is true", hls.captions_in_pictures_are_announced),
    Rule("Apple 6.1, 6.8, 6.16", "I-frame playlists, in SDR, too", hls.i_frames_have_playlists),
    Rule("Apple 6.10; RFC 8216bis 4.4.3.6", "every I-frame is listed, from its moof to its last byte",
         hls.every_i_frame_is_listed),
    Rule("RFC 8216bis 4.4.3.6", "I-frames last to the end of the film", hls.i_frames_cover_the_film),
    Rule("Roku, Image Media Playlist 0.4", "images are grids of the size they say, to the end of the film",
         hls.images_are_grids_to_the_end),
    Rule("Apple 5.2, 5.3; RFC 8216bis 3.1.4", "WebVTT segments have a timestamp map",
         hls.captions_have_a_timestamp_map),
    Rule("RFC 8216bis 3.1.4", "a segment's cues are shown in it", hls.cues_are_in_their_segments),
    Rule("Apple 4.5, 4.6, 5.11", "captions for the deaf, and forced ones, are marked and AUTOSELECT",
         hls.captions_for_the_deaf_are_marked),
    Rule("ISO/IEC 23000-19, 7.3", "brands, styp and offsets of CMAF", hls.tracks_are_cmaf),
)  # fmt: skip

DASH = (
    Rule("ISO/IEC 23009-1, schema", "elements in the schema's order, no others, known attributes",
         dash.elements_are_in_the_schemas_order),
    Rule("ISO/IEC 23009-1, 5.3.1.2", "static, as long as the film", dash.the_mpd_is_static_and_as_long_as_the_film),
    Rule("DASH-IF IOP 3.2.4, 6.2.6", "attributes of AdaptationSets and Representations", dash.attributes_are_there),
    Rule("ISO/IEC 23009-1, 5.3.3.2, 5.3.5.2", "ids differ", dash.ids_differ),
    Rule("ISO/IEC 23009-1, 5.3.9.6", "SegmentTimelines say what segments present, after edit lists, to the tick",
         dash.timelines_are_those_of_the_segments),
    Rule("ISO/IEC 23009-1, 5.3.9.4", "every segment named is there, and every one there is named",
         dash.every_segment_is_there_and_named),
    Rule("DASH-IF IOP 3.2.4", "an AdaptationSet has one codec, one dynamic range, one cut",
         dash.a_set_has_one_codec_and_one_cut),
    Rule("ISO/IEC 23009-1, 5.3.7", "codecs, width and height are those of the init segments",
         dash.codecs_and_sizes_are_those_of_the_segments),
    Rule("ISO/IEC 23009-1, 5.3.5.2", "at bandwidth, from any segment on and after minBufferTime, none is late",
         dash.bandwidths_keep_the_buffer_full),
    Rule("DASH-IF IOP 6.2.6", "thumbnail tiles of the size they say, to the end of the film",
         dash.images_are_grids_to_the_end),
    Rule("ours", "DASH offers what HLS offers", dash.dash_offers_what_hls_offers),
)  # fmt: skip

#: Rules of Apple's specification that no program here checks, and why.
NOT_CHECKED = (
    ("1.3 to 1.6", "profile and level", "the planner's; its ladder is tested in tests/media"),
    ("1.13, 7.5, 7.6", "key frames every 2 s, segments of 6 s", "the job's choice: two and four seconds by default"),
    ("1.14 to 1.18, 1.20 to 1.25", "deinterlacing, frame rates, colours, the ladder", "the planner's"),
    (
        "1.30",
        "the peak is at most twice the average",
        "MaxBitrate bounds the peak; quiet films have low averages",
    ),
    ("2.4 to 2.27, but 2.15", "sound bit rates, loudness metadata, audio description", "the planner's, or not made"),
    ("3, 13, 14, 15, 16", "advertisements, protection, low latency, SharePlay, stereo video", "not made"),
    ("5.8, 5.9", "forced subtitles are also in the regular ones", "what a sidecar says is its author's"),
    ("6.2, 6.4, 6.5, 6.7", "dense I-frame renditions and their bit rates", "I-frames of the renditions (6.3)"),
    ("9.9, 9.10", "several bit rates, two of the highest resolution", "small sources fill one rung; the planner's"),
    ("10, 11, 12", "delivery: gzip, MIME types, TLS", "the distribution's; tests/stacks and the local edge's tests"),
)


def check(film: Presentation) -> list[str]:
    """Everything that is wrong, each with its rule."""
    found = []
    for rule in (*HLS, *(DASH if film.mpd_path else ())):
        try:
            found += [f"{rule.name}: {wrong}" for wrong in rule.check(film)]
        except Broken as error:
            found.append(f"{rule.name}: {error}")
    return found


_INTRODUCTION = """\
# Conformance

What the local MediaConvert packages is read back by programs that share nothing with it: the parser `m3u8`, the players
of the browser tests, and a lint of our own (`tests/lint`) for what parsers and players let pass. The lint reads
playlists, the MPD, and the boxes of every segment. Each of its rules has a case that breaks it
(`tests/lint/test_rules.py`), and films of every kind that the engine makes pass all of them
(`tests/lint/test_films.py`), as does what viewers get at the end of the whole path (`tests/e2e/test_published.py`).

This page is generated: `python -m tests.lint.rules > docs/conformance.md`. "Apple" is the HLS Authoring Specification
for Apple Devices, by its numbers.

ISO's XML schema of the MPD is not part of this project, since its terms do not allow copies; the rule about elements
and their order stands for it. Apple's own validator is not to be had without an Apple account.
"""


def page() -> str:
    parts = [_INTRODUCTION]
    for title, rules in (("HLS and CMAF", HLS), ("DASH", DASH)):
        lines = "".join(f"| {rule.source} | {rule.words} | `{rule.name}` |\n" for rule in rules)
        parts.append(f"## {title}\n\n| from | rule | check |\n|---|---|---|\n{lines}")
    lines = "".join(f"| {number} | {what} | {why} |\n" for number, what, why in NOT_CHECKED)
    parts.append(f"## Not checked by the lint\n\n| Apple | rule | why |\n|---|---|---|\n{lines}")
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
