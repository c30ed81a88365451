"""Every error RegQC raises on purpose. One root, so callers can catch them all."""

from __future__ import annotations


class RegQCError(Exception):
    """Root of RegQC's own errors; the message is one line meant for the user."""


class InputError(RegQCError, ValueError):
    """An input cannot be used: the message names it, says what is wrong and what to do."""


class MissingDependencyError(RegQCError, ImportError):
    """An optional package is needed; the message gives the install command."""


class Cancelled(RegQCError):
    """The user stopped the work; nothing has been written."""
