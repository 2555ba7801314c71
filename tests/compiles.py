"""Counts what XLA compiles."""

from jax._src import monitoring


class Compiles:
    """Counts backend compiles of a named program."""

    def __enter__(self):
        self.names = []
        monitoring.register_event_duration_secs_listener(self._seen)
        return self

    def _seen(self, event, duration, **kwargs):
        if event.endswith("backend_compile_duration"):
            self.names.append(kwargs.get("fun_name", "?"))

    def __exit__(self, *_):
        monitoring.unregister_event_duration_listener(self._seen)

    def of(self, word):
        return sum(word in name for name in self.names)
