"""What can go wrong for a person: each message says what happened and what to do."""


class SynthcareError(Exception):
    """Something that a person caused and can mend. The command line prints it and exits with 2."""
