"""The local console: what runs, how far it is and why it failed, read from the AWS APIs alone."""
