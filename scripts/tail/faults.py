"""What can go wrong, by what is to be done about it."""


class Stopped(Exception):
    """A signal asked for the end."""


class Unavailable(Exception):
    """The node has no good answer now, and may have one later."""


class NotPublished(Exception):
    """The hub has certainly not delivered it, and may take it later."""


class Unsure(Exception):
    """The hub got it whole and did not answer: perhaps it was delivered."""


class Fatal(Exception):
    """Nothing will get better by waiting."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class TooBig(Fatal):
    """The hub takes no body of this size; a smaller one may do."""
