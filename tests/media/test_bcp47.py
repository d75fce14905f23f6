"""Languages are told in the tags that HLS and DASH ask for, however a file's name puts them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media import bcp47


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("eng", "en"),
        ("ger", "de"),
        ("deu", "de"),
        ("yue", "yue"),
        ("pt-br", "pt-BR"),
        ("PT_br", "pt-BR"),
        ("zh-hant", "zh-Hant"),
        ("ZH_HANT_tw", "zh-Hant-TW"),
        ("chi-Hans", "zh-Hans"),
        ("es-419", "es-419"),
        ("sl-rozaj-biske", "sl-rozaj-biske"),
        ("English", "en"),
        ("FRENCH", "fr"),
        ("", "und"),
        ("und", "und"),
        ("2", "und"),
        ("part2", "und"),
        ("en-", "und"),
        ("en fr", "und"),
    ],
)
def test_a_tag_is_written_as_bcp_47_has_it(written, tag):
    assert bcp47.tag(written) == tag
    assert bcp47.tag(tag) == tag


@given(st.text(max_size=30))
def test_any_text_becomes_a_tag_or_und(text):
    assert re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*", bcp47.tag(text))


@pytest.mark.parametrize(
    ("tag", "label"),
    [
        ("en", "English"),
        ("pt-BR", "Portugu\u00eas (BR)"),
        ("zh-Hant", "\u4e2d\u6587 (Hant)"),
        ("xx", "xx"),
        ("und", "Captions"),
    ],
)
def test_a_label_is_in_the_languages_own_words(tag, label):
    assert bcp47.label(tag) == label
    assert bcp47.label("und", unknown="Sound") == "Sound"
