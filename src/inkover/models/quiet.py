"""Keep the loading libraries' progress bars and warnings off the user's terminal."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Silence diffusers, transformers and huggingface_hub; what they were set to comes back at the end."""
    import diffusers.utils.logging as diffusers_log
    import transformers.utils.logging as transformers_log
    from huggingface_hub.utils import logging as hub_log

    with ExitStack() as undo, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for log in (diffusers_log, transformers_log, hub_log):
            undo.callback(log.set_verbosity, log.get_verbosity())
            log.set_verbosity(log.CRITICAL)
        for log in (diffusers_log, transformers_log):
            if log.is_progress_bar_enabled():
                undo.callback(log.enable_progress_bar)
                log.disable_progress_bar()
        undo.callback(_without_hub_bars())
        yield


def _without_hub_bars() -> Callable[[], None]:
    """Switch huggingface_hub's bars off; return what switches them on again, where they were on."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if are_progress_bars_disabled():
        return lambda: None
    disable_progress_bars()
    return enable_progress_bars
