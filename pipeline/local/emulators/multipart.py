"""CompleteMultipartUpload over parts that lie on disk: no byte is copied, the object is the list of its parts' files.

ministack's own joined the parts in memory and hashed them again. Here the digests computed as the parts arrived give
the ETag (MD5 of MD5s) and the checksum: the parts' CRCs joined (FULL_OBJECT) or a digest of digests (COMPOSITE).

Can go wrong, as S3 says it: NoSuchUpload, MalformedXML, InvalidPartOrder, InvalidPart, EntityTooSmall, BadDigest,
InvalidRequest, PreconditionFailed.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring

from ministack.services import s3

from pipeline.local.emulators.checksums import CRCS, joined_crc
from pipeline.local.emulators.storage import joined

SMALLEST_PART = 5 << 20  # S3's minimum for every part but the last


def remembering_checksum_type(create: Callable) -> Callable:
    """CreateMultipartUpload that keeps whether the object's checksum is to be of the whole or of the parts."""

    @functools.wraps(create)
    def call(bucket: str, key: str, headers: dict) -> tuple:
        status, answer, body = create(bucket, key, headers)
        if status == 200 and "x-amz-checksum-algorithm" in answer:
            algorithm = answer["x-amz-checksum-algorithm"]
            kind = headers.get("x-amz-checksum-type") or ("FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE")
            answer["x-amz-checksum-type"] = kind.upper()
            s3._multipart_uploads[fromstring(body).findtext("{*}UploadId")]["checksum_type"] = kind.upper()
        return status, answer, body

    return call


class _Refused(Exception):
    """CompleteMultipartUpload cannot go on; carries S3's answer."""

    def __init__(self, code: str, message: str, status: int, resource: str):
        super().__init__(code)
        self.answer = s3._error(code, message, status, resource)


def complete_multipart_upload(bucket_name: str, key: str, body: bytes, query: dict, headers: dict | None = None):
    headers, upload_id = headers or {}, s3._qp(query, "uploadId")
    bucket = s3._ensure_bucket(bucket_name)
    if bucket is None:
        return s3._no_such_bucket(bucket_name)
    done = s3._completed_multipart_uploads.get(upload_id)
    if done is not None and done.get("key") == key:
        return done["response"]  # a retry whose first answer was lost
    try:
        upload = _open_upload(upload_id, bucket_name, key)
        if refusal := (
            s3._check_sse_c_part(headers, upload) or s3._check_put_preconditions(headers, bucket["objects"].get(key))
        ):
            return refusal
        parts = _chosen_parts(upload, body, f"/{bucket_name}/{key}")
        record = _completed_record(upload, parts, headers, f"/{bucket_name}/{key}")
    except _Refused as refused:
        return refused.answer
    prior = bucket["objects"].get(key)
    bucket["objects"][key] = record
    del s3._multipart_uploads[upload_id]
    response = _announce_completed(bucket_name, key, record, prior, headers)
    s3._completed_multipart_uploads[upload_id] = {"key": key, "response": response}
    return response


def _open_upload(upload_id: str, bucket: str, key: str) -> dict:
    upload = s3._multipart_uploads.get(upload_id)
    if upload is None or (upload["bucket"], upload["key"]) != (bucket, key):
        raise _Refused("NoSuchUpload", "The specified multipart upload does not exist.", 404, f"/{bucket}/{key}")
    return upload


def _chosen_parts(upload: dict, body: bytes, resource: str) -> list[tuple[int, dict]]:
    """The parts the request lists, as stored; refused when one is missing, changed, too small or out of order."""
    try:
        elements = [element for element in fromstring(body).iter() if _tag(element) == "Part"]
        listed = [(int(element.findtext("{*}PartNumber")), element) for element in elements]
    except (ParseError, TypeError, ValueError):
        raise _Refused("MalformedXML", s3._MALFORMED_XML, 400, resource) from None
    if not listed:
        raise _Refused("MalformedXML", s3._MALFORMED_XML, 400, resource)
    numbers = [number for number, _ in listed]
    if numbers != sorted(set(numbers)):
        raise _Refused(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. The parts list must be specified in order by part number.",
            400,
            resource,
        )
    chosen = []
    for number, element in listed:
        stored = upload["parts"].get(number)
        if stored is None or not _is_named(stored, element):
            raise _Refused(
                "InvalidPart",
                "One or more of the specified parts could not be found. The part may not "
                "have been uploaded, or the specified entity tag may not match the part's entity tag. "
                f"Part number: {number}",
                400,
                resource,
            )
        chosen.append((number, stored))
    if small := [number for number, stored in chosen[:-1] if stored["size"] < SMALLEST_PART]:
        raise _Refused(
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size "
            f"(part {small[0]} has fewer than {SMALLEST_PART} bytes).",
            400,
            resource,
        )
    return chosen


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _is_named(stored: dict, element: Element) -> bool:
    for child in element:
        text = (child.text or "").strip()
        if _tag(child) == "ETag" and text.strip('"') != stored["etag"].strip('"'):
            return False
        algorithm = _tag(child).removeprefix("Checksum").upper()
        if algorithm != _tag(child).upper() and text and (stored.get("checksums") or {}).get(algorithm) != text:
            return False
    return True


def _completed_record(upload: dict, parts: list[tuple[int, dict]], headers: Mapping[str, str], resource: str) -> dict:
    body = joined([stored["body"] for _, stored in parts])
    if headers.get("x-amz-mp-object-size", str(len(body))) != str(len(body)):
        raise _Refused(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header value "
            f"{headers['x-amz-mp-object-size']} does not match what was computed: {len(body)}",
            400,
            resource,
        )
    digests = b"".join(stored["body"].digest("MD5") for _, stored in parts)
    etag = f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"'
    algorithm, kind = upload.get("checksum_algorithm"), upload.get("checksum_type", "COMPOSITE")
    checksum = _whole_checksum(algorithm, kind, [stored for _, stored in parts])
    sent = headers.get(f"x-amz-checksum-{(algorithm or '').lower()}")
    if sent and checksum and sent != checksum:
        raise _Refused(
            "BadDigest", f"The {algorithm} you specified did not match the calculated checksum.", 400, resource
        )
    return {
        "body": body,
        "content_type": upload["content_type"],
        "content_encoding": upload.get("content_encoding"),
        "etag": etag,
        "last_modified": s3.now_iso(),
        "size": len(body),
        "metadata": upload["metadata"],
        "preserved_headers": upload.get("preserved_headers", {}),
        "storage_class": upload.get("storage_class") or "STANDARD",
        "parts": [{"PartNumber": number, "Size": stored["size"]} for number, stored in parts],
        "checksums": {algorithm: checksum} if checksum else {},
        "checksum_type": kind if checksum else None,
    }


def _whole_checksum(algorithm: str | None, kind: str, parts: list[dict]) -> str | None:
    if not algorithm:
        return None
    if kind == "FULL_OBJECT" and algorithm in CRCS:
        whole = joined_crc(algorithm, [(stored["body"].digest(algorithm), stored["size"]) for stored in parts])
        return base64.b64encode(whole).decode()
    return s3._composite_checksum(algorithm, [stored["body"].checksum(algorithm) for stored in parts])


def _announce_completed(bucket: str, key: str, record: dict, prior: dict | None, headers: Mapping[str, str]) -> tuple:
    """The version, the event and the answer of a completed upload, in ministack's order."""
    answer = {"Content-Type": "application/xml", **s3._stored_sse_headers(record)}
    s3._maybe_replicate(bucket, key, record, record["body"])
    version_id = s3._record_object_version(bucket, key, prior, record, record["body"])
    if version_id:
        answer["x-amz-version-id"] = version_id
    s3._fire_s3_event_async(
        bucket,
        key,
        "s3:ObjectCreated:CompleteMultipartUpload",
        size=record["size"],
        etag=record["etag"],
        version_id=version_id,
    )
    root = Element("CompleteMultipartUploadResult", xmlns=s3.S3_NS)
    location = f"http://{headers.get('host', 's3.amazonaws.com')}/{bucket}/{s3.url_quote(key, safe='/')}"
    fields = {"Location": location, "Bucket": bucket, "Key": key, "ETag": record["etag"]}
    for algorithm, value in record["checksums"].items():
        fields |= {f"Checksum{algorithm}": value, "ChecksumType": record["checksum_type"]}
    for name, text in fields.items():
        SubElement(root, name).text = text
    return 200, answer, s3._xml_body(root)
