"""What every test shares: nothing can reach an account, and property tests leave no files behind."""

from __future__ import annotations

import os
import signal

import hypothesis

_NO_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}

# On import and not in a fixture: boto3 clients are cached, and a test module may make one while it is collected.
# VOD_LIVE names a deployed stack to test against, on purpose and with real credentials.
if "VOD_LIVE" not in os.environ:
    os.environ.update(_NO_ACCOUNT)
    for name in [name for name in os.environ if name == "AWS_PROFILE" or name.startswith("AWS_ENDPOINT_URL")]:
        del os.environ[name]

# A shell starts what runs in its background with SIGINT ignored, and so would be every program that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("vod", deadline=None, database=None, print_blob=True)
hypothesis.settings.load_profile("vod")
