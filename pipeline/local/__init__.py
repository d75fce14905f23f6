"""The workshop: AWS's services on a laptop, for the very template, state machine and functions that run in AWS."""
