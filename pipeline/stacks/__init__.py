"""The AWS side, written with CDK: one stack whose template is deployed byte for byte in AWS and on a laptop."""
