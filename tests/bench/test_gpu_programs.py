"""Programs compiled for a GPU that is not there: how their text is read, and what was recorded."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runs import ROOT

from jaxcifar.planning import memory

SCRIPT = ROOT / "scripts" / "gpu_programs.py"
RECORDED = [row for row in json.loads((ROOT / "docs" / "costs.json").read_text())
            if row["table"] == "programs"]  # fmt: skip
QUICK = {"cifar_resnet20", "fcnn", "resnet_r0", "rn16"}

TEXT = """HloModule jit_segment

%fused_take (param_0: u8[50,4], param_1: s32[2]) -> bf16[2,4] {
  %param_0 = u8[50,4]{1,0} parameter(0)
  %param_1 = s32[2]{0} parameter(1)
  %gather.1 = u8[2,4]{1,0} gather(%param_0, %param_1), slice_sizes={1,4}
  ROOT %convert.1 = bf16[2,4]{1,0} convert(%gather.1)
}

%fused_write (param_0: f32[9,8], param_1: f32[1,8], param_2: s32[]) -> f32[9,8] {
  %param_0 = f32[9,8]{1,0} parameter(0)
  %param_1 = f32[1,8]{1,0} parameter(1)
  %param_2 = s32[] parameter(2)
  ROOT %update.1 = f32[9,8]{1,0} dynamic-update-slice(%param_0, %param_1, %param_2)
}

%inner (arg: (s32[], f32[8])) -> (s32[], f32[8]) {
  %arg = (s32[], f32[8]{0}) parameter(0)
  %value = f32[8]{0} get-tuple-element(%arg), index=1
  %add.1 = f32[8]{0} fusion(%value, %value), kind=kLoop, calls=%fused_add
  ROOT %tuple.1 = (s32[], f32[8]{0}) tuple(%count, %add.1)
}

%step (carry: (s32[], u8[50,4], f32[9,8])) -> (s32[], u8[50,4], f32[9,8]) {
  %data = u8[50,4]{1,0} get-tuple-element(%carry), index=1
  %rows = s32[2]{0} get-tuple-element(%carry), index=3
  %book = f32[9,8]{1,0} get-tuple-element(%carry), index=2
  %row = f32[1,8]{1,0} get-tuple-element(%carry), index=4
  %at = s32[] get-tuple-element(%carry), index=0
  %taken = bf16[2,4]{1,0} fusion(%data, %rows), kind=kLoop, calls=%fused_take
  %conv = (bf16[2,8]{1,0}, u8[0]{0}) custom-call(%taken), custom_call_target="__cudnn$convForward"
  %written = f32[9,8]{1,0} fusion(%book, %row, /*index=2*/%at), kind=kLoop, calls=%fused_write
  %looped = (s32[], f32[8]{0}) while(%start), condition=%c, body=%inner, backend_config={"known_trip_count":{"n":"3"}}
  ROOT %tuple.2 = (s32[], u8[50,4]{1,0}, f32[9,8]{1,0}) tuple(%at, %data, %written)
}

%member (carry: (s32[], u8[50,4], f32[9,8])) -> (s32[], u8[50,4], f32[9,8]) {
  %copied.1 = f32[9,8]{1,0} fusion(%carry), kind=kLoop, calls=%fused_that_takes_a_member_s_row
  %while.9 = (s32[], u8[50,4]{1,0}, f32[9,8]{1,0}) while(%carry), condition=%cond, body=%step
  %copied.2 = f32[9,8]{1,0} fusion(%while.9), kind=kLoop, calls=%fused_that_puts_it_back_into_place
  %copied.3 = f32[9,8]{1,0} fusion(%while.9), kind=kLoop, calls=%fused_that_puts_it_back_into_place
  %copied.4 = f32[9,8]{1,0} fusion(%while.9), kind=kLoop, calls=%fused_that_puts_it_back_into_place
  %copied.5 = f32[9,8]{1,0} fusion(%while.9), kind=kLoop, calls=%fused_that_puts_it_back_into_place
  %copied.6 = f32[9,8]{1,0} fusion(%while.9), kind=kLoop, calls=%fused_that_puts_it_back_into_place
  %copied.7 = f32[9,8]{1,0} fusion(%while.9), kind=kLoop, calls=%fused_that_puts_it_back_into_place
  %copied.8 = f32[9,8]{1,0} fusion(%while.9), kind=kLoop, calls=%fused_that_puts_it_back_into_place
  %copied.9 = f32[9,8]{1,0} fusion(%while.9), kind=kLoop, calls=%fused_that_puts_it_back_into_place
  ROOT %tuple.3 = (s32[], u8[50,4]{1,0}, f32[9,8]{1,0}) tuple(%at, %data, %copied.9)
}

ENTRY %main (p0: u8[50,4]) -> f32[9,8] {
  %while.10 = (s32[], u8[50,4]{1,0}, f32[9,8]{1,0}) while(%tuple.9), condition=%cond, body=%member
}
"""  # noqa: E501

THUNKS = """000: kCommandBuffer [source | next=002]
    001: kCopy         [source | sink]
002: kWhile         [prev=000 | sink]
condition:
    003: kCustomKernel [source | sink] wrapped_compare
  body:
    004: kCopy         [source | next=005]
    005: kWhile        [prev=004 | sink]
condition:
        006: kCustomKernel  [source | sink] wrapped_compare
      body:
        000: kCommandBuffer  [source | next=011]
            007: kCustomKernel [source | next=008] loop_fusion
            008: kCustomKernel [prev=007 | sink] loop_fusion_1
        011: kConvolution    [prev=000 | next=012] kConvolution
        012: kCustomKernel   [prev=011 | sink] loop_fusion_2
013: kCustomKernel  [prev=002 | sink] loop_fusion_3
"""


def test_a_step_s_kernels_and_their_traffic_are_read_from_the_text():
    """Rows taken and written in place count alone; an inner loop as often as it turns."""
    from jaxcifar.bench.hlo_kernels import kernels

    taken, conv, written, *added = kernels(TEXT)
    assert taken[1:] == (False, 2 * 4 * 2 + 2 * 4 + 2 * 4)  # result, rows as bytes, their numbers
    assert conv[1:] == (True, 2 * 8 * 2 + 2 * 4 * 2)
    assert written[1:] == (False, 2 * 8 * 4 + 4)
    assert [kernel[1:] for kernel in added] == 3 * [(False, 3 * 8 * 4)]


def test_a_graph_is_one_launch_and_so_is_an_inner_loop():
    from jaxcifar.bench.hlo_kernels import launches

    assert launches(THUNKS) == 2  # a copy, a loop
    assert launches(THUNKS, depth=2) == 3  # a graph of two kernels, a convolution, a kernel


def test_a_loop_within_a_graph_is_not_launched():
    from jaxcifar.bench.hlo_kernels import launches

    within = "".join(f"    {line}\n" for line in THUNKS.splitlines())
    assert launches(f"000: kCommandBuffer [source | sink]\n{within}") == 0


def test_the_least_time_is_of_products_and_all_other_traffic():
    from jaxcifar.bench import gpu_programs

    row = {"dtype": "bfloat16", "flop": 989e12, "traffic": 3 * 4.8e12, "of_products": 0.5 * 4.8e12}
    assert gpu_programs.least_seconds(row) == pytest.approx(1 + 2.5)
    assert gpu_programs.least_seconds(row | {"flop": 0}) == pytest.approx(3)
    assert gpu_programs.least_seconds(row | {"dtype": "float32"}) == pytest.approx(
        2 + 2.5, rel=0.01
    )


def planned(row):
    """The planner's bytes for a recorded program, over the compiler's."""
    from jaxcifar.bench import gpu_programs, throughput

    case = gpu_programs.Case(*(row[name] for name in gpu_programs.Case._fields))
    with gpu_programs.pretending(None):
        found = memory.estimate(gpu_programs.plan_of(case), throughput.N_IMAGES, "gpu")
    return found.segment / row["xla_bytes"]


@pytest.mark.parametrize("row", [
    pytest.param(row, marks=() if row["model"] in QUICK else pytest.mark.slow,
                 id=f"{row['model']}-{row['batch']}-{row['members']}-{row['dtype']}-{row['lane']}-"
                    f"{row['lowering']}")
    for row in RECORDED
])  # fmt: skip
def test_planned_memory_is_near_the_recorded_programs(row):
    assert 0.8 < planned(row) < 1.35


@pytest.mark.slow
@pytest.mark.skipif(
    not any(importlib.util.find_spec(f"jax_cuda{n}_plugin") for n in (12, 13)),
    reason="needs JAX's CUDA plugin, though no GPU: pip install -e '.[cuda12]'",
)
@pytest.mark.parametrize("arguments", [
    ["--models", "cnn", "--members", "8"], ["--models", "rn8", "mobilenet_v2"],
    ["--models", "vgg_a:norm=batch,width=0.25", "--lane", "map", "--members", "2"],
    ["--models", "vgg_a:norm=batch,width=0.25", "--graphs"],
])  # fmt: skip
def test_networks_compile_for_a_gpu(arguments, tmp_path):
    """In a process of its own, as the script sets what JAX reads when it begins."""
    text = tmp_path / "program.txt"
    command = [sys.executable, SCRIPT, *arguments, "--text", text]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count("images/s at most") == 1 + ("rn8" in arguments)
    assert (", 0 launches" in done.stdout) == ("--graphs" in arguments)
    assert "__cudnn$conv" in Path(text).read_text()
