"""Switches of jax and variables that change draws or sums: fixed, or told with a run's numerics.

A run's bits follow from its config and what its group was begun on, not from what else a process or
a shell has set. Every switch of jax that can change a number stands in one of these tables.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import jax

Within = Callable[[Any], AbstractContextManager[Any]]


@contextmanager
def _updated(name: str, value: Any) -> Iterator[None]:
    """A switch that jax offers no context for: set for all threads, and set back."""
    before = getattr(jax.config, name)
    jax.config.update(name, value)
    try:
        yield
    finally:
        jax.config.update(name, before)


# Switch -> what our own computations run under, and how it is set around them.
DRAWS: Mapping[str, tuple[Any, Within]] = {
    "jax_default_prng_impl": ("threefry2x32", jax.default_prng_impl),
    "jax_threefry_partitionable": (True, jax.threefry_partitionable),
    "jax_random_seed_offset": (0, partial(_updated, "jax_random_seed_offset")),
    "jax_high_dynamic_range_gumbel": (False, partial(_updated, "jax_high_dynamic_range_gumbel")),
}
FIXED: Mapping[str, tuple[Any, Within]] = {
    **DRAWS,
    "jax_enable_x64": (False, jax.enable_x64),
    "jax_numpy_dtype_promotion": ("standard", jax.numpy_dtype_promotion),
    "jax_softmax_custom_jvp": (False, jax.softmax_custom_jvp),
    "jax_disable_jit": (False, jax.disable_jit),
}

# Switch -> its default: for people to set, so that another value is told, and compared.
RECORDED: Mapping[str, Any] = {
    "jax_default_matmul_precision": None,
    "jax_disable_most_optimizations": False,
    "jax_optimization_level": "UNKNOWN",
    "jax_exec_time_optimization_effort": 0.0,
    "jax_memory_fitting_level": "O2",
    "jax_memory_fitting_effort": 0.0,
    "jax_compiler_enable_remat_pass": True,
    "jax_allow_f16_reductions": True,
    "jax_accurate_erf_inv": False,
    "jax_use_hlo_logistic_lowering": False,
    "jax_use_direct_linearize": True,
    "jax_use_magma": "auto",
    "jax_use_shardy_partitioner": True,
    "jax_use_simplified_jaxpr_constants": False,
    "jax_threefry_gpu_kernel_lowering": False,
    "jax_bcoo_cusparse_lowering": False,
    "jax_ragged_dot_use_gpu_pallas_triton_lowering": False,
    "jax_ragged_dot_use_ragged_dot_instruction": True,
    "jax_custom_jvp3": False,
    "jax_custom_vjp3": False,
    "jax_remat3": False,
    "jax_scan3": False,
    "jax_refs_to_pins": False,
    "jax_remat_barrier_no_cotangents": False,
    "eager_constant_folding": False,
    "jax_enable_pgle": False,
    "jax_compilation_cache_expect_pgle": False,
    "jax_pjrt_client_create_options": None,
}

VARIABLES = (
    "NPROC", "OMP_NUM_THREADS", "LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE",
    "TF_CUDNN_DETERMINISTIC", "CUBLAS_WORKSPACE_CONFIG",
)  # fmt: skip
"""Variables that XLA, or a library below it, reads when it first computes."""

IDLE_FLAGS = (
    "--xla_dump", "--xla_gpu_deterministic_ops", "--xla_force_host_platform_device_count",
)  # fmt: skip
"""Flags of XLA that change no number, or are told otherwise: as `deterministic`, and devices."""


@contextmanager
def fixed(switches: Mapping[str, tuple[Any, Within]] = FIXED) -> Iterator[None]:
    """Around (or as decorator of) what computes a run's numbers: switches as it takes them.

    A switch that stands right is left alone, so that what was compiled stays in use; others are set
    back afterwards.
    """
    with ExitStack() as stack:
        for name, (value, within) in switches.items():
            if getattr(jax.config, name, value) != value:
                stack.enter_context(within(value))
        yield


def recorded(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """All switches and variables that are not at their defaults, for a group to be compared by."""
    found = {
        name: _plain(_value(name)) for name, default in RECORDED.items()
        if name in jax.config.values and _plain(_value(name)) != default
    }  # fmt: skip
    found |= {name: environ[name] for name in VARIABLES if environ.get(name)}
    flags = _flags(environ.get("XLA_FLAGS", ""))
    return found | ({"XLA_FLAGS": flags} if flags else {})


def _value(name: str) -> Any:
    """The value in force; where jax knows no other, the process's."""
    return getattr(jax.config, name, jax.config.values[name])


def _plain(value: Any) -> Any:
    """A value as JSON has it; of a word of jax's own, the word."""
    value = getattr(value, "value", value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _flags(text: str) -> str:
    """XLA's flags in order of their names, the last of each; they may stand in a file."""
    if text and not text.lstrip().startswith("-"):
        path = Path(text)
        text = path.read_text() if path.is_file() else ""
    given = dict(word.partition("=")[::2] for word in text.split())
    given = {name: value for name, value in given.items() if not name.startswith(IDLE_FLAGS)}
    return " ".join(f"{name}={value}" if value else name for name, value in sorted(given.items()))
