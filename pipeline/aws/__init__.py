"""The first floor: boto3 is only here. Thin: what to do is decided in pipeline.media, done here."""
