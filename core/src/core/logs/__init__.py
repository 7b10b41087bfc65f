"""What a run says of itself: standard loggers for the code, loguru for the places it goes to."""

from core.logs.logger import get_logger as get_logger
from core.logs.logger import run_log as run_log

__all__ = ["get_logger", "run_log"]
