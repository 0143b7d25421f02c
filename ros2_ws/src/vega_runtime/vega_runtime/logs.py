"""Logging by a level that is only known when there is something to log."""

from __future__ import annotations

from rclpy.node import Node


def log(node: Node, level: str, text: str) -> None:
    """Logs a line.

    Args:
        node: Whose line it is.
        level: `debug`, `info`, `warn` or `error`.
        text: The line.
    """
    logger = node.get_logger()
    # rclpy refuses two severities from one line of code.
    if level == "debug":
        logger.debug(text)
    elif level == "info":
        logger.info(text)
    elif level == "warn":
        logger.warning(text)
    elif level == "error":
        logger.error(text)
    else:
        raise ValueError(f"unknown level {level!r}")
