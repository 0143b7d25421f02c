"""Errors meant for people: each says what was expected, what came and what to do."""


class EvalError(ValueError):
    """Base class of everything that evaluation refuses to do."""


class SessionError(EvalError):
    """A session's folder is missing, damaged, of another session, or cannot be written."""


class SessionBusy(SessionError):
    """Another process runs this session."""


class MixError(EvalError):
    """Sessions that may not be put into one report."""
