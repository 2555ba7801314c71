"""docs/performance.md from rows of the benches: what it computes from them and how it is merged."""

import json

import pytest

WHERE = {"device": "cpu", "cores": 2, "commit": "0123456789abcdef", "versions": "jax 0.10.2",
         "command": "python scripts/bench.py --write"}  # fmt: skip


@pytest.fixture
def pages(monkeypatch, tmp_path):
    from jaxcifar.bench import performance_page

    for name in ("STORE", "PAGE", "COSTS", "README"):
        monkeypatch.setattr(performance_page, name, tmp_path / name)
    (tmp_path / "README").write_text(
        "# x\n<!-- speed: written by scripts/bench.py -->\n<!-- /speed -->\n"
    )
    return performance_page


def network(model, ours, torch, **changes):
    return WHERE | {
        "batch": 128, "dtype": "float32", "model": model, "images_per_second": ours,
        "torch": {"images_per_second": torch, "variant": "eager NHWC"},
        "share": 0.25,
        "populations": [
            {"members": 4, "lane": "vmap", "images_per_second": 1.8 * ours, "chosen": False},
            {"members": 4, "lane": "map", "images_per_second": 1.5 * ours, "chosen": True},
        ],
    } | changes  # fmt: skip


def grown(table, **columns):
    return WHERE | {"table": table, "model": "cnn:"} | columns


def members(count, rate):
    return grown("members", members=count, lane="vmap", macs=10**7, images_per_second=rate,
                 estimate_bytes=3 * 2**20, xla_bytes=4 * 2**20)  # fmt: skip


def test_the_mean_of_ratios_is_geometric_and_what_falls_short_is_named(pages):
    pages.add([network("cnn:", 200.0, 100.0), network("rn4:", 50.0, 100.0)])
    text = pages.PAGE.read_text()
    assert "over 2 networks: 1.00. Below PyTorch: `rn4:` 0.50." in text
    assert "| `cnn:` | 200 | 100 | eager NHWC | 2.00 | 0.25 | 4 (map) | 300 | 1.50 |" in text


def test_what_the_chosen_lane_costs_stands_beside_both(pages):
    pages.add([network("cnn:", 200.0, 100.0), network("rn4:", 50.0, 100.0, populations=[])])
    text = pages.PAGE.read_text()
    assert "| `cnn:` | 4 | 360 | 300 | map | 1.20 |" in text
    assert "| `rn4:` | 50 | 100 | eager NHWC | 0.50 | 0.25 | – | – | – |" in text


def test_a_network_measured_again_replaces_its_own_row_alone(pages):
    pages.add([network("cnn:", 200.0, 100.0), network("rn4:", 50.0, 100.0)])
    pages.add([network("cnn:", 300.0, 100.0)])
    pages.add([network("cnn:", 9.0, 10.0, batch=32)])
    rates = {(r["model"], r["batch"]): r["images_per_second"]
             for r in json.loads(pages.STORE.read_text())}  # fmt: skip
    assert rates == {("cnn:", 128): 300.0, ("rn4:", 128): 50.0, ("cnn:", 32): 9.0}


def test_costs_stand_beside_the_first_row_and_the_networks_stay(pages):
    pages.add([network("cnn:", 200.0, 100.0)])
    pages.add_costs([members(1, 100.0), members(2, 100.0), members(4, 100.0)])
    pages.add_costs([members(1, 200.0), members(8, 500.0)])
    pages.add_costs([grown("images", images=1000, seconds=2.5)])
    text = pages.PAGE.read_text()
    assert "| `cnn:` | 8 | vmap | 500 | 2.50 | 4 | 3 | 0.75 |" in text
    assert "| `cnn:` | 1,000 | 2.50 | 2.50 | 2.9 |" in text
    assert "| `cnn:` | 4 | vmap" not in text, "a table is replaced as a whole"
    assert "| `cnn:` | 200 | 100 |" in text


def test_layers_stand_beside_pytorch_s(pages):
    times = {"forward": 2.0, "gradients": 8.0}
    pages.add_costs(
        [
            grown("layers", lowering="patches", jaxcifar=times, torch=dict.fromkeys(times, 6.0)),
            grown("layers", lowering="wider", jaxcifar=times, torch={}),
        ]
    )
    page = pages.PAGE.read_text()
    assert "| `patches` | 2.0 / 6.0 | 8.0 / 6.0 | 1.20 |" in page
    assert "| `wider` | 2.0 | 8.0 | – |" in page


def test_products_and_memory_stand_beside_the_others(pages):
    rates = {"forward": 100.0, "kernel gradient": 50.0}
    pages.add_costs([
        grown("products", jaxcifar=rates, torch=dict.fromkeys(rates, 200.0)),
        grown("memory", estimate_bytes=3 * 2**20, xla_bytes=4 * 2**20),
    ])  # fmt: skip
    page = pages.PAGE.read_text()
    assert "| `cnn:` | 100 / 200 | 50 / 200 |" in page and "| `cnn:` | 4 | 3 | 0.75 |" in page


def test_starts_name_their_cache(pages):
    pages.add_costs(
        [grown("start", cache=None, seconds=0.25), grown("start", cache="full", seconds=4)]
    )
    page = pages.PAGE.read_text()
    assert "| `cnn:` | – | 0.25 |" in page and "| `cnn:` | full | 4.00 |" in page


def test_kernels_that_were_timed_have_a_table_of_their_own(pages):
    pages.add([network("cnn:", 200.0, 100.0), network("cnn:", 300.0, 100.0, autotune=True)])
    pages.add([network("cnn:", 220.0, 100.0, autotune=False)])
    rule, timed = pages.PAGE.read_text().split("## cpu, 2 cores, batch 128, float32")[1:3]
    assert "| `cnn:` | 220 |" in rule and timed.startswith(", kernels timed\n")
    assert "| `cnn:` | 300 |" in timed


def test_a_segment_as_one_graph_has_a_table_of_its_own(pages):
    pages.add([network("cnn:", 200.0, 100.0), network("cnn:", 300.0, 100.0, graphs=True)])
    pages.add([network("cnn:", 400.0, 100.0, graphs=True, autotune=True)])
    launched, *graphs = pages.PAGE.read_text().split("## cpu, 2 cores, batch 128, float32")[1:4]
    assert "| `cnn:` | 200 |" in launched and "| `cnn:` | 300 |" in graphs[0]
    assert graphs[0].startswith(", as one graph\n")
    assert graphs[1].startswith(", kernels timed, as one graph\n")


def test_a_card_that_was_not_there_has_no_cores(pages):
    row = grown("programs", batch=512, members=8, lane="vmap", lowering="library", kernels=1234,
                dtype="bfloat16", products=56, launches=78, traffic=4.8e9, flop=9.89e11,
                least=0.002, estimate_bytes=3 * 2**20, xla_bytes=4 * 2**20)  # fmt: skip
    pages.add_costs([row | {"device": "a card, not there", "cores": 0}])
    text = pages.PAGE.read_text()
    assert "## Programs: a card, not there\n" in text
    assert ("| `cnn:` | 512 | 8 | vmap | library | bfloat16 | 1,234 | 56 | 78 | 4.80 | 0.99 | "
            "2.00 | 2,048,000 | 4 | 3 | 0.75 |") in text  # fmt: skip


def test_the_readme_quotes_what_was_measured(pages, tmp_path):
    pages.add([network("vgg_a:norm=batch", 200.0, 160.0), network("cnn", 100.0, 200.0)])
    text = (tmp_path / "README").read_text()
    assert "200 images/s, 1.25 times" in text and "0.50 to 1.25 times, 0.79 in" in text
    pages.add([network("vgg_a:norm=batch", 320.0, 160.0)])
    assert "320 images/s, 2.00 times" in (tmp_path / "README").read_text()


def test_the_readme_in_the_checkout_is_of_the_stored_rows():
    from jaxcifar.bench import performance_page

    (quoted,) = performance_page.QUOTED.findall(performance_page.README.read_text())
    assert quoted == performance_page.quote(performance_page._stored(performance_page.STORE))
