"""What a command sets up before JAX touches a device: memory, compile cache, flags, signals."""

import os
from pathlib import Path

from jaxcifar.core.console import say
from jaxcifar.core.errors import UserError
from jaxcifar.core.files import check_writable, given, home
from jaxcifar.core.host_memory import keep_memory


def cache_dir() -> Path:
    """The user's own cache folder for this package."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (given(root) if root else home() / ".cache") / "jaxcifar"


def prepare(deterministic: bool = True) -> None:
    """Keep freed memory, and let compiled programs persist between processes.

    Programs lie in a folder that only the user can read. A cache folder already configured in JAX
    is left alone, and ``JAXCIFAR_CACHE=off`` switches ours off. With `deterministic`, a GPU is
    asked for kernels that give the same bits every time (it must be called before JAX first uses a
    device). Where no program can be kept, it says so and goes on.
    """
    flag = "--xla_gpu_deterministic_ops=true"
    if deterministic and "xla_gpu_deterministic_ops" not in os.environ.get("XLA_FLAGS", ""):
        ask_xla(flag)
    keep_memory()
    import jax

    if jax.config.values["jax_compilation_cache_dir"] or os.environ.get("JAXCIFAR_CACHE") == "off":
        return
    try:
        path = _private(cache_dir() / "compiled")
    except (OSError, UserError) as error:  # no home, or another user's, as in a container
        say(f"compiled programs are not kept: {str(error).splitlines()[0]}")
        return
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _private(path: Path) -> Path:
    """A folder of the user's alone: programs are executed, nobody else may have placed one there.

    Raises: UserError: others may write in it, or it is another user's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.stat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise UserError(f"others may write in {path}\nremove it, or make it yours alone: chmod 700")
    check_writable(path)
    return path


def ask_xla(flags: str) -> None:
    """Add to XLA's flags; it reads them when JAX first uses a device."""
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
