"""The conformance kit: what an optimizer, constructor, updater, hook or logger of anybody's has to stand.

Nothing in core imports it; each name is imported when it is first used, and pytest by its one line alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.testing.check import Check as Check
    from core.testing.check import run_checks as run_checks
    from core.testing.constructors import check_optimizer_constructor as check_optimizer_constructor
    from core.testing.constructors import optimizer_constructor_checks as optimizer_constructor_checks
    from core.testing.distribution import distribution_checks as distribution_checks
    from core.testing.hooks import check_hook as check_hook
    from core.testing.hooks import hook_checks as hook_checks
    from core.testing.loggers import check_logger_hook as check_logger_hook
    from core.testing.loggers import logger_hook_checks as logger_hook_checks
    from core.testing.optimizers import check_optimizer as check_optimizer
    from core.testing.optimizers import optimizer_checks as optimizer_checks
    from core.testing.pytest_line import parametrize_with_checks as parametrize_with_checks
    from core.testing.report import ConformanceError as ConformanceError
    from core.testing.report import Report as Report
    from core.testing.report import Result as Result
    from core.testing.schedules import check_lr_updater as check_lr_updater
    from core.testing.schedules import check_momentum_updater as check_momentum_updater
    from core.testing.schedules import lr_updater_checks as lr_updater_checks
    from core.testing.schedules import momentum_updater_checks as momentum_updater_checks
else:
    from core.lazy import lazy_names

    _BY_MODULE = {
        "check": "Check run_checks",
        "constructors": "check_optimizer_constructor optimizer_constructor_checks",
        "distribution": "distribution_checks",
        "hooks": "check_hook hook_checks",
        "loggers": "check_logger_hook logger_hook_checks",
        "optimizers": "check_optimizer optimizer_checks",
        "pytest_line": "parametrize_with_checks",
        "report": "ConformanceError Report Result",
        "schedules": "check_lr_updater check_momentum_updater lr_updater_checks momentum_updater_checks",
    }
    __getattr__, __dir__ = lazy_names(
        __name__, {name: f"{__name__}.{module}" for module, names in _BY_MODULE.items() for name in names.split()}
    )

__all__ = [
    "Check",
    "ConformanceError",
    "Report",
    "Result",
    "check_hook",
    "check_logger_hook",
    "check_lr_updater",
    "check_momentum_updater",
    "check_optimizer",
    "check_optimizer_constructor",
    "distribution_checks",
    "hook_checks",
    "logger_hook_checks",
    "lr_updater_checks",
    "momentum_updater_checks",
    "optimizer_checks",
    "optimizer_constructor_checks",
    "parametrize_with_checks",
    "run_checks",
]
