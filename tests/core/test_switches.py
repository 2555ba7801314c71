"""What else a process has set in jax changes no draw and no sum of a run, or is told with it."""

import jax
import jax.dtypes
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcifar.core import switches
from jaxcifar.core.errors import UserError
from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.records import folder

# Of jax 0.10 to 0.12: what is printed, cached, checked or transferred, and where; what other
# platforms and packages do; what only refuses (rank promotion, debugging).
WITHOUT_EFFECT = {
    "check_vma", "jax2tf_associative_scan_reductions", "jax2tf_default_native_serialization",
    "jax_array_garbage_collection_guard", "jax_auto_pcast", "jax_backend_target",
    "jax_captured_constants_report_frames", "jax_captured_constants_warn_bytes",
    "jax_check_proxy_envs", "jax_check_static_indices", "jax_check_tracer_leaks",
    "jax_compilation_cache_check_contents", "jax_compilation_cache_dir",
    "jax_compilation_cache_include_metadata_in_key", "jax_compilation_cache_max_size",
    "jax_compiler_detailed_logging_min_ops", "jax_cpu_collectives_implementation",
    "jax_cpu_enable_async_dispatch", "jax_cpu_get_global_topology_timeout_minutes",
    "jax_cpu_get_local_topology_timeout_minutes", "jax_cross_host_transfer_socket_address",
    "jax_cross_host_transfer_timeout_seconds", "jax_cross_host_transfer_transfer_size",
    "jax_cross_host_transport_addresses", "jax_cuda_visible_devices", "jax_debug_infs",
    "jax_debug_key_reuse", "jax_debug_leaked_clients_on_clear_backends", "jax_debug_log_modules",
    "jax_debug_nans", "jax_default_device", "jax_disable_bwd_checks",
    "jax_disable_vmap_shmap_error", "jax_disallow_mesh_context_manager", "jax_distributed_debug",
    "jax_distributed_verify_secure_credentials", "jax_dump_ir_modes", "jax_dump_ir_to",
    "jax_embedded_constants_max_bytes", "jax_enable_checks", "jax_enable_compilation_cache",
    "jax_enable_custom_prng", "jax_enable_preemption_service", "jax_enable_recoverability",
    "jax_error_checking_behavior_divide", "jax_error_checking_behavior_nan",
    "jax_error_checking_behavior_oob", "jax_experimental_unsafe_xla_runtime_errors",
    "jax_explain_cache_misses", "jax_explicit_x64_dtypes", "jax_export_calling_convention_version",
    "jax_export_deserialize_expired_versions", "jax_export_ignore_forward_compatibility",
    "jax_force_dcn_cross_host_transfers", "jax_hlo_source_file_canonicalization_regex",
    "jax_include_debug_info_in_dumps", "jax_include_full_tracebacks_in_locations",
    "jax_legacy_prng_key", "jax_log_checkpoint_residuals", "jax_log_compiles", "jax_logging_level",
    "jax_mock_gpu_topology", "jax_mosaic_allow_hlo", "jax_mosaic_unzip_debug_locations",
    "jax_mtls_ca_file", "jax_mtls_cert_file", "jax_mtls_key_file", "jax_mtls_peer_uri_prefix",
    "jax_mutable_array_checks", "jax_no_execution", "jax_no_tracing", "jax_num_cpu_devices",
    "jax_numpy_rank_promotion", "jax_oneapi_visible_devices",
    "jax_pallas_auto_assign_collective_ids", "jax_pallas_auto_assign_collective_ids_limit",
    "jax_pallas_enable_debug_checks", "jax_pallas_poison_buffers", "jax_pallas_use_mosaic_gpu",
    "jax_pallas_verbose_errors", "jax_persistent_cache_enable_xla_caches",
    "jax_persistent_cache_min_compile_time_secs", "jax_persistent_cache_min_entry_size_bytes",
    "jax_pgle_aggregation_percentile", "jax_pgle_profiling_runs", "jax_platform_name",
    "jax_platforms", "jax_pprint_use_color", "jax_raise_on_ppermute_sort_diff",
    "jax_raise_persistent_cache_errors", "jax_remove_custom_partitioning_ptr_from_cache_key",
    "jax_remove_size_one_mesh_axis_from_type", "jax_rocm_visible_devices",
    "jax_send_traceback_to_runtime", "jax_serialization_version",
    "jax_share_binary_between_hosts", "jax_share_binary_between_hosts_timeout_ms",
    "jax_sort_devices_by_process_index", "jax_source_url_schema", "jax_thread_guard",
    "jax_traceback_filtering", "jax_traceback_in_locations_limit",
    "jax_tracer_error_num_traceback_frames", "jax_transfer_guard",
    "jax_transfer_guard_device_to_device", "jax_transfer_guard_device_to_host",
    "jax_transfer_guard_host_to_device", "jax_use_cpp_shard_args",
    "jax_use_emit_pipeline_primitive", "jax_use_rgv3", "jax_xla_backend", "jax_xla_profile_version",
    "mock_num_gpu_processes",
}  # fmt: skip
OTHER = {
    "jax_default_prng_impl": "rbg", "jax_threefry_partitionable": False,
    "jax_random_seed_offset": 7, "jax_high_dynamic_range_gumbel": True, "jax_enable_x64": True,
    "jax_numpy_dtype_promotion": "strict", "jax_softmax_custom_jvp": True, "jax_disable_jit": True,
}  # fmt: skip


@pytest.fixture
def setting(monkeypatch):
    """Sets a switch of the process until the end of the test."""
    before = {}

    def update(name, value):
        before.setdefault(name, getattr(jax.config, name, jax.config.values[name]))
        jax.config.update(name, value)

    yield update
    for name, value in before.items():
        jax.config.update(name, value)


def seen():
    """Draws, a promotion, a gradient, whether code is compiled: each switch changes some of it."""
    key = key_at(3, Purpose.INIT, 5)
    traced = []
    jax.jit(lambda x: traced.append(isinstance(x, jax.core.Tracer)))(0.0)
    soft = jax.make_jaxpr(jax.grad(lambda x: jax.nn.softmax(x)[0]))(np.ones(3, np.float32))
    return [
        np.asarray(jax.random.normal(key, (3, 2))).tolist(),
        np.asarray(jax.random.gumbel(key, (4,))).tolist(),
        str((jnp.arange(3) * jnp.ones(3)).dtype), str(soft), traced,
    ]  # fmt: skip


@pytest.mark.skipif(
    not jax.__version__.startswith(("0.10.", "0.12.")), reason="of another jax than is pinned"
)
def test_every_switch_of_jax_was_thought_of():
    known = {*switches.FIXED, *switches.RECORDED, *WITHOUT_EFFECT}
    assert not set(jax.config.values) - known
    assert not {*switches.FIXED} & {*switches.RECORDED} and not WITHOUT_EFFECT & {
        *switches.FIXED, *switches.RECORDED,
    }  # fmt: skip


@pytest.mark.parametrize("name", switches.FIXED)
def test_a_fixed_switch_changes_nothing_within_and_stays_the_user_s_outside(setting, name):
    plain = seen()
    setting(name, OTHER[name])
    with switches.fixed():
        assert seen() == plain
    assert getattr(jax.config, name) == OTHER[name]
    try:
        assert seen() != plain, "or nothing was tested"
    except jax.dtypes.TypePromotionError:  # a promotion that is refused
        assert name == "jax_numpy_dtype_promotion"


def test_a_switch_set_around_the_call_alone_is_fixed_too():
    plain = seen()
    with jax.enable_x64(True), jax.threefry_partitionable(False), jax.default_prng_impl("rbg"):
        with switches.fixed():
            assert seen() == plain
        assert seen() != plain


@pytest.mark.parametrize("name, value", [
    (name, value) for name, value in (
        ("jax_default_matmul_precision", "highest"), ("jax_exec_time_optimization_effort", 0.5),
        ("jax_memory_fitting_effort", 0.5), ("jax_optimization_level", "O1"),
        ("jax_use_direct_linearize", False), ("jax_compiler_enable_remat_pass", False),
        ("jax_allow_f16_reductions", False),
    ) if name in jax.config.values  # not every jax has each
])  # fmt: skip
def test_a_recorded_switch_is_told_and_refused_when_a_run_continues(setting, tmp_path, name, value):
    folder.open_group(tmp_path, ["a"], switches.recorded(), strict=True)
    setting(name, value)
    assert switches.recorded()[name] == value
    with pytest.raises(UserError, match=f"{name}: None there, {value!r} here"):
        folder.open_group(tmp_path, ["a"], switches.recorded(), strict=True)


@pytest.mark.parametrize("environ, told", [
    ({}, {}), ({"XLA_FLAGS": ""}, {}), ({"NPROC": "1"}, {"NPROC": "1"}), ({"NPROC": ""}, {}),
    ({"XLA_FLAGS": "--xla_b=2 --xla_a=1"}, {"XLA_FLAGS": "--xla_a=1 --xla_b=2"}),
    ({"XLA_FLAGS": "--xla_a=1 --xla_a=2"}, {"XLA_FLAGS": "--xla_a=2"}),
    ({"XLA_FLAGS": "--xla_cpu_enable_fast_math"}, {"XLA_FLAGS": "--xla_cpu_enable_fast_math"}),
    ({"XLA_FLAGS": "--xla_dump_to=/tmp/x --xla_gpu_deterministic_ops=true"}, {}),
    ({"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}, {}),
    ({"NVIDIA_TF32_OVERRIDE": "0"}, {"NVIDIA_TF32_OVERRIDE": "0"}),
    ({"HOME": "/home/x", "JAX_LOG_COMPILES": "1"}, {}),
])  # fmt: skip
def test_variables_and_flags_are_told_by_what_they_mean(environ, told):
    now = switches.recorded({})
    assert switches.recorded(environ) == now | told


def test_flags_in_a_file_are_told_by_what_it_holds(tmp_path):
    (tmp_path / "flags").write_text("--xla_b=2\n--xla_a=1\n")
    told = switches.recorded({"XLA_FLAGS": str(tmp_path / "flags")})
    assert told["XLA_FLAGS"] == "--xla_a=1 --xla_b=2"
