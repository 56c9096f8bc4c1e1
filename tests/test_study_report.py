"""Tables, verdicts and figures from tables of runs that are made up."""

import csv
import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from vae_keras import plots
from vae_keras.study.claims import judge
from vae_keras.study.definition import Claim, CurveGroup, Published, Rule, Study
from vae_keras.study.evaluations import read_evaluations, write_evaluations
from vae_keras.study.reading import find_study, write_study
from vae_keras.study.report import write_report
from vae_keras.study.sections.losses import loss_table
from vae_keras.study.table import RunTable, read_table, write_table
from vae_keras.support.errors import InputError

GELU = find_study("gelu")
# Test losses at the end, near those published; three were not.
LOSSES = {
    "leaky_relu": 46.0,
    "gelu_encoder": 44.9,
    "gelu_decoder": 45.4,
    "gelu": 44.3,
    "gelu_dropout": 46.8,
    "gelu_batchnorm_after": 44.1,
    "gelu_batchnorm_before": 44.8,
    "gelu_layernorm_after": 43.6,
    "gelu_layernorm_before": 43.5,
    "relu": 45.2,
    "leaky_relu_0.01": 45.1,
    "silu": 44.4,
}


def make_table(losses=LOSSES, seeds=3, epochs=20, scatter=0.001, dataset="mnist", training=None):
    """Curves that fall to `losses`, with `scatter` between seeds; training 0.3 below test."""
    random = np.random.default_rng(0)
    runs = {}
    for variant, loss in losses.items():
        for seed in range(seeds):
            shift = random.normal(0, scatter)
            rows = []
            for epoch in range(1, epochs + 1):
                test = loss + shift + 5 / epoch - 5 / epochs
                train = test + (1.8 if variant == "gelu_dropout" else -0.3)
                train += (training or {}).get(variant, 0)
                rows.append(
                    {
                        "epoch": epoch,
                        "loss": train,
                        "reconstruction_loss": train - 5,
                        "kl_loss": 5.0,
                        "val_loss": test,
                        "val_reconstruction_loss": test - 5.1,
                        "val_kl_loss": 5.1,
                        "learning_rate": 5e-4,
                        "seconds": 2.0,
                    }
                )
            runs.setdefault(variant, {})[seed] = rows
    return RunTable("gelu", dataset, "leaky_relu", runs)


@pytest.fixture
def without_figures(monkeypatch):
    """Reports without figures, which take the most time."""
    monkeypatch.setattr("vae_keras.study.report.draw", lambda *_: {})


def decisions(table):
    return [verdict.decision for verdict in judge(table, GELU.claims)]


def test_a_table_is_read_as_it_was_written(tmp_path):
    table = make_table(scatter=0.1)
    write_table(table, tmp_path / "runs.csv")
    assert read_table(tmp_path / "runs.csv") == table
    with open(tmp_path / "runs.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(LOSSES) * 3 * 20


@pytest.mark.parametrize(
    "old, new", [("study", "stud"), (",20,", ",21,"), (",5.1,", ",nan,"), (",5.1,", ",five,")]
)
def test_a_damaged_table_is_refused(tmp_path, old, new):
    path = tmp_path / "runs.csv"
    write_table(make_table(), path)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match="is damaged in line|is not a table of runs"):
        read_table(path)


@pytest.mark.parametrize(
    "old, new",
    [
        *((",a,0,1,", f",{variant},{seed},1,") for variant, seed in (("", 0), ("\x1b[31m", 0))),
        *((",a,0,1,", f",a,{seed},1,") for seed in ("1_0", "٣", "-5", "1" * 400, "00", "0.0", "")),
        (",a,0,1,1.5,", ",a,0,1,,"),
        (",1.5,2.5\n", ",1.5,\n"),
        (",1.5,2.5\n", ",1_5,2.5\n"),
        (",a,0,1,", ",a,0,٠١,"),
        (",a,0,2,", ",a,0,1,"),
        (",seed,", ",seed,seed,"),
        (",1.5,2.5\n", ",1.5,2.5,1\n"),
        (",1.5,2.5\n", ",1.5\n"),
    ],
)
def test_a_table_with_rows_of_no_run_is_refused(tmp_path, old, new):
    rows = [{"epoch": epoch, "loss": 1.5, "val_loss": 2.5} for epoch in (1, 2)]
    path = tmp_path / "runs.csv"
    write_table(RunTable("mine", "digits", "a", {"a": {0: rows}}), path)
    text = path.read_text().replace("\r\n", "\n")
    read_table(path)
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match="runs.csv is damaged in line"):
        read_table(path)


@pytest.mark.parametrize(
    "text",
    [
        "variant,seed,elbo\na,0,1\na,0,2\n",
        "variant,seed,elbo,elbo\na,0,1,2\n",
        "variant,seed,elbo\na,00,1\n",
        "variant,seed,elbo\n,0,1\n",
        "variant,seed,elbo\na,0,1_0\n",
        "variant,seed,elbo\na,0,1,5\n",
        "variant,seed,elbo\na,0\n",
    ],
)
def test_evaluations_that_are_not_one_row_for_each_run_are_refused(tmp_path, text):
    (tmp_path / "evaluations.csv").write_text(text)
    with pytest.raises(InputError, match="evaluations.csv is damaged"):
        read_evaluations(tmp_path / "evaluations.csv")


def test_differences_are_paired_by_seed():
    table = make_table({"leaky_relu": 46.0, "gelu": 44.0}, seeds=4, scatter=3.0)
    for seed in range(4):  # what a seed does to the reference, it does to the other
        for row, other in zip(table.runs["gelu"][seed], table.runs["leaky_relu"][seed]):
            row["val_loss"] = other["val_loss"] - 2 - 0.01 * seed
    comparison = table.compare(("gelu", "val_loss"), ("leaky_relu", "val_loss"))
    assert comparison.mean == pytest.approx(-2.015)
    assert comparison.half_width < 0.05 and comparison.p < 1e-6


def test_the_end_of_a_curve_is_its_last_epoch_or_the_mean_of_the_last_five():
    table = make_table({"leaky_relu": 46.0}, seeds=1)
    values = [row["val_loss"] for row in table.runs["leaky_relu"][0]]
    assert table.summarize("leaky_relu", "val_loss")[1] == values[-1]
    assert table.summarize("leaky_relu", "val_loss", 5)[1] == pytest.approx(np.mean(values[-5:]))


def test_a_run_that_has_not_come_to_the_end_does_not_count():
    table = make_table(seeds=4)
    del table.runs["gelu"][1], table.runs["leaky_relu"][3]
    del table.runs["gelu"][2][12:]
    comparison = table.compare(("gelu", "val_loss"), ("leaky_relu", "val_loss"))
    assert (comparison.seeds, comparison.epoch) == (1, 20)
    assert table.summarize("gelu", "val_loss")[0] == 20
    assert table.curves("gelu", "val_loss").shape == (2, 20)


def test_where_no_run_has_come_to_the_end_all_count_at_the_last_epoch_that_they_have():
    table = make_table(seeds=4)
    del table.runs["gelu"][1], table.runs["leaky_relu"][3]
    for seed, epochs in {0: 15, 2: 12, 3: 17}.items():
        del table.runs["gelu"][seed][epochs:]
    comparison = table.compare(("gelu", "val_loss"), ("leaky_relu", "val_loss"))
    assert (comparison.seeds, comparison.epoch) == (2, 12)
    ends = [
        table.runs["gelu"][seed][11]["val_loss"] - table.runs["leaky_relu"][seed][11]["val_loss"]
        for seed in (0, 2)
    ]
    assert comparison.mean == pytest.approx(np.mean(ends))
    verdict = judge(table, GELU.claims)[2]
    assert verdict.decision == "not decided" and "have reached epoch 20" in verdict.reason


def test_claims_are_confirmed_and_refuted_by_clear_differences():
    # Encoder before decoder before LeakyReLU, batch normalization worse before than after,
    # layer normalization best: as published, where the study contradicts itself.
    assert decisions(make_table(epochs=200)) == [
        *["confirmed"] * 6,
        *["refuted"] * 4,
        *["confirmed", "refuted"],
        *["confirmed"] * 2,  # of GELU against ReLU, and of the slope
    ]


def test_claims_are_refuted_by_the_opposite():
    losses = {**LOSSES, "gelu_encoder": 47.0, "gelu": 48.0, "gelu_dropout": 45.0}
    assert decisions(make_table(losses))[:6] == ["refuted"] * 4 + ["confirmed"] * 2


def test_the_best_must_beat_every_other_variant():
    best = {**LOSSES, "gelu_batchnorm_before": 43.0}
    assert decisions(make_table(best, epochs=200))[6:8] == ["confirmed", "confirmed"]
    tie = make_table({**best, "gelu_layernorm_before": 43.0}, scatter=0.01, epochs=120)
    assert decisions(tie)[7] == "not decided"


def test_a_claim_about_training_is_decided_by_training():
    worse = make_table(training={"gelu_batchnorm_after": 1.0})
    assert decisions(worse)[4:6] == ["refuted", "confirmed"]


def test_what_is_judged_at_epoch_120_is_not_decided_by_20_epochs():
    verdict = judge(make_table(), GELU.claims)[6]
    assert verdict.decision == "not decided"
    assert verdict.reason == "it is judged at epoch 120, but these runs have 20"
    assert verdict.evidence[0].mean == pytest.approx(0.7, abs=0.01) and verdict.p is None
    assert judge(make_table(epochs=120), GELU.claims)[6].decision == "refuted"


def test_scatter_larger_than_the_differences_decides_nothing():
    assert set(decisions(make_table(seeds=4, scatter=4.0))) == {"not decided"}


@pytest.mark.parametrize(
    "relu, verdicts",
    [
        (46.2, ["confirmed", "confirmed"]),
        (45.8, ["confirmed", "refuted"]),
        (47.2, ["refuted", "confirmed"]),
    ],
)
def test_claims_about_other_activations(relu, verdicts):
    table = make_table({"leaky_relu": 46.0, "relu": relu, "sigmoid": 47.0})
    assert [
        verdict.decision for verdict in judge(table, find_study("activations").claims)
    ] == verdicts


def table_of(differences, epochs=5):
    """Runs whose variants lie by these differences, a list for each, above one at 40."""
    runs = {
        "base": {seed: curve(40.0, epochs) for seed in range(len(next(iter(differences.values()))))}
    }
    for variant, values in differences.items():
        runs[variant] = {seed: curve(40 + value, epochs) for seed, value in enumerate(values)}
    return RunTable("mine", "digits", "base", runs)


def curve(loss, epochs):
    return [{"epoch": epoch + 1, "loss": loss, "val_loss": loss} for epoch in range(epochs)]


def below(*variants, **settings):
    pairs = tuple(((variant, "val_loss"), ("base", "val_loss")) for variant in variants)
    return Claim("", pairs, **settings)


FIRST, SECOND = [-0.5, -0.7, -0.4, -0.6], [-0.2, -0.3, -0.1, -0.4]
P_FIRST, P_SECOND = (stats.ttest_1samp(values, 0).pvalue for values in (FIRST, SECOND))


def test_a_claim_is_as_certain_as_its_least_certain_difference():
    table = table_of({"a": FIRST, "b": SECOND})
    (verdict,) = judge(table, [below("a", "b")])
    assert verdict.p == pytest.approx(max(P_FIRST, P_SECOND))
    assert (verdict.decision, verdict.reason) == ("confirmed", "fragile")


def test_one_difference_of_several_refutes_a_claim_at_a_price():
    table = table_of({"a": FIRST, "b": [-value for value in FIRST]})
    (verdict,) = judge(table, [below("a", "b")])
    assert verdict.p == pytest.approx(2 * P_FIRST)
    assert verdict.decision == "refuted"


def test_p_is_corrected_for_the_claims_that_can_be_decided_and_for_the_looks():
    table = table_of({"a": FIRST, "b": SECOND})
    claims = [below("a"), below("b"), below("a", epoch=6)]
    first, second, later = judge(table, claims)
    assert (first.p, second.p) == pytest.approx((2 * P_FIRST, P_SECOND))
    assert later.p is None
    first, second, _ = judge(table, claims, Rule((3, 4, 8)))
    assert (first.p, second.p) == pytest.approx((3 * 2 * P_FIRST, 3 * P_SECOND))


def test_a_claim_without_its_runs_still_counts_in_the_correction():
    table = table_of({"a": FIRST})
    table.runs["b"] = {0: curve(39.0, 5)}
    first, second = judge(table, [below("a"), below("b")])
    assert first.p == pytest.approx(2 * P_FIRST)
    assert second.p is None and second.reason == "it needs two seeds of each of its variants"


def test_claims_are_judged_at_their_epoch_however_long_the_runs_are():
    table = table_of({"a": FIRST}, epochs=10)
    for rows in table.runs["a"].values():
        for row in rows[5:]:
            row["val_loss"] = 50.0
    early, late = judge(table, [below("a", epoch=5), below("a", epoch=10)])
    assert early.evidence[0].mean == pytest.approx(np.mean(FIRST)) and early.decision == "confirmed"
    assert late.evidence[0].mean == pytest.approx(10) and late.decision == "refuted"


def test_seeds_between_two_looks_wait_for_the_next():
    rule = Rule((3, 4, 8))
    for seeds, used in ((3, 3), (4, 4), (7, 4), (8, 8), (9, 8)):
        values = list(np.linspace(-0.5, -0.4, seeds))
        table = dataclasses.replace(table_of({"a": values}), looks=rule.looks)
        (verdict,) = judge(table, [below("a")], rule)
        assert verdict.evidence[0].differences == pytest.approx(values[:used])
        assert verdict.p == pytest.approx(3 * stats.ttest_1samp(values[:used], 0).pvalue)
    table = dataclasses.replace(table_of({"a": [-0.5, -0.4]}), looks=rule.looks)
    (verdict,) = judge(table, [below("a")], rule)
    assert verdict.decision == "not decided"
    assert verdict.reason == "it needs 3 seeds of each of its variants"


def test_differences_within_the_margin_are_practically_equal():
    near = [0.02, -0.01, 0.01, -0.02]
    table = table_of(
        {"a": near, "b": [0.05, 0.06, 0.05, 0.06], "c": [3 * value for value in FIRST]}
    )
    rule = Rule((4,), margin=0.3)
    claims = [below("a"), below("b"), below("c"), below("a", "c")]
    equal, above, far, both = judge(table, claims, rule)
    tost = max(
        stats.ttest_1samp(near, -0.3, alternative="greater").pvalue,
        stats.ttest_1samp(near, 0.3, alternative="less").pvalue,
    )
    assert equal.decision == "practically equal"
    assert equal.reason == "no difference larger than 0.3"
    assert equal.p_equal == pytest.approx(3 * tost)  # the second smallest of four
    assert (above.decision, above.reason) == ("refuted", "by less than 0.3")
    assert far.decision == "confirmed" and both.decision == "not decided"
    assert judge(table, claims[:1])[0].decision == "not decided"


@pytest.mark.slow
def test_a_report_says_which_analysis_it_is(tmp_path, without_figures):
    for seeds, text in (
        (4, "**This analysis is interim**: the final one is at 8 seeds."),
        (6, "interim**: the final one is at 8 seeds. Because the runs are analyzed at 3, 4 and 8"),
        (8, "**This analysis is final**: it uses all 8 planned seeds."),
    ):
        write_report(make_table(seeds=seeds), tmp_path)
        report = (tmp_path / "report.md").read_text()
        assert text in report and "every corrected p is multiplied by 3 (Bonferroni)" in report
        assert ("The analysis omits 2 seeds of leaky_relu, 2 seeds of" in report) == (seeds == 6)
        assert "The rule was fixed after four seeds had been analyzed" in report
        assert "| gelu | 4 | 20 |" in report if seeds < 8 else "| gelu | 8 | 20 |" in report


def test_verdicts_name_their_epoch_effect_interval_and_margin(tmp_path, without_figures):
    write_report(make_table(seeds=4), tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| 4 | Dropout 0.25 after each GELU" in text and "**confirmed** at epoch 20 |" in text
    assert (
        "| claim | difference | seeds | epoch | effect | 95% interval | p | p (within 0.3) |"
        in text
    )
    assert "| 6, swapped | gelu_batchnorm_after − gelu_batchnorm_before | 4 | 20 | −0.7" in text
    assert "the 8 claims of the vae-gelu study and, separately, for the 2 claims of this" in text
    assert "decided after 20 epochs. It is then multiplied by 3, the number of planned" in text
    assert "strictest corrected level, α = 0.0021" in text  # 0.05 / (8 · 3)


@pytest.mark.slow
@pytest.mark.parametrize("seeds, epochs", [(1, 1), (3, 3), (8, 20)])
def test_a_report_is_whole_and_says_what_it_cannot(tmp_path, seeds, epochs):
    table = make_table(seeds=seeds, epochs=epochs)
    printed = write_report(table, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "nan" not in text.lower() and "None" not in text and "leaky_relu" in printed
    assert ("n/a" in text.split("## Differences")[1].split("## Claims")[0]) == (seeds == 1)
    assert "Incomplete" not in text
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {
        "differences",
        *(["claims"] if epochs >= 20 else []),  # what can be decided
        "curves_activation",
        "curves_baselines",
        "curves_dropout",
        "curves_batchnorm",
        "curves_layernorm",
        "curves_all",
    }
    for path in (tmp_path / "figures").iterdir():
        assert f"figures/{path.name}" in text
    with open(tmp_path / "summary.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(LOSSES) * 6 * 2
    assert "nan" not in (tmp_path / "summary.csv").read_text()
    row = next(r for r in rows if (r["variant"], r["column"]) == ("gelu", "val_loss"))
    assert float(row["difference"]) == pytest.approx(-1.7, abs=0.01)


@pytest.mark.slow
def test_an_incomplete_study_is_reported_as_such(tmp_path):
    table = make_table()
    del table.runs["leaky_relu"]
    del table.runs["gelu"][2][5:]
    write_report(table, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "**Incomplete**: no runs of leaky_relu; gelu with seed 2 has 5 epochs." in text
    assert "| 1 | GELU in the encoder alone" in text and "it needs 3 seeds of each" in text
    assert not (tmp_path / "figures" / "differences.png").exists()


def test_published_losses_stand_beside_those_of_the_same_epoch():
    header, *rows = loss_table(GELU, make_table())
    column = header.index("test loss, published")
    assert {row[0]: row[column] for row in rows}["gelu"] == "44.35 and 44.26"
    assert header[column + 1] == "test loss, here"
    for other in (
        make_table(epochs=19),
        make_table(dataset="digits"),
        make_table(dataset="mnist[:64]"),
    ):
        assert "test loss, published" not in loss_table(GELU, other)[0]


def test_published_curves_stand_above_those_of_the_same_variant(tmp_path, without_figures):
    table = make_table(scatter=0.0)
    table.runs["gelu_batchnorm_before"][1][4]["val_loss"] = 51.0  # after epoch 5
    write_report(table, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| test loss after epoch | 1 | 2 | 5 | 10 | 20 |\n" in text
    theirs, ours = text.split("| gelu_batchnorm_before | published | ")[1].splitlines()[:2]
    assert theirs == "53.32 | 52.61 | 49.00 | 46.85 | 44.77 |"
    assert ours.endswith(
        "| 49.55 to 49.55 | 47.05 to 47.05 | 45.55 to 51.00 | 45.05 to 45.05 | 44.80 to 44.80 |"
    )
    assert "| training loss after epoch | 1 | 2 | 5 | 10 | 20 |\n" in text
    assert "| gelu_batchnorm_before | published | 63.50 | 53.35 | 49.90 | 46.80 | 44.57 |" in text
    write_report(make_table(dataset="digits"), tmp_path)
    assert "## Published curves" not in (tmp_path / "report.md").read_text()


def test_losses_far_from_the_published_ones_are_named(tmp_path, without_figures):
    write_report(make_table({**LOSSES, "gelu": 45.2}), tmp_path)
    assert "by more than 0.6: gelu (+0.85)." in (tmp_path / "report.md").read_text()


def test_what_is_known_of_published_losses_stands_beside_those_of_its_epoch(
    tmp_path, without_figures
):
    note = "Those read off at the end are medians of epochs 153 to 200."
    for epochs in (100, 200):
        write_report(make_table(seeds=1, epochs=epochs), tmp_path)
        assert (note in (tmp_path / "report.md").read_text()) == (epochs == 200)


MINE = """
source = "a rumor"
reference = "wide"
[variants.wide]
[variants.deep]
latent_dim = 3
[variants.later]
latent_dim = 4
[comparisons.pair]
title = "Deep against wide"
members = ["deep", "wide"]
[comparisons.everything]
[published]
dataset = "digits"
tolerance = 0.5
remark = "two runs"
losses.deep = { 10 = 41.5, 20 = [38.0, 41.0] }
[[claims]]
text = "Deep is better, a|b"
below = [["deep", "wide"], ["deep:val_kl_loss", "deep:loss"]]
[[claims]]
text = "Wide has less divergence in the long run"
label = "A"
source = "a review"
below = [["wide:kl_loss", "deep:kl_loss"]]
epoch = 50
"""


@pytest.fixture
def mine(tmp_path):
    """Folder of a user's own study, and its table."""
    (tmp_path / "mine.toml").write_text(MINE)
    table = make_table({"wide": 41.0, "deep": 40.0})
    table = RunTable("mine", "digits", "wide", table.runs)
    (tmp_path / "study").mkdir()
    write_study(find_study(str(tmp_path / "mine.toml")), tmp_path / "study" / "study.json")
    return tmp_path / "study", table


def test_a_study_of_ones_own_has_its_comparisons_published_losses_and_claims(mine):
    directory, table = mine
    write_report(table, directory)
    text = (directory / "report.md").read_text()
    assert "**Incomplete**: no runs of later." in text
    assert "| deep | 3 | 20 | 38.00 and 41.00 | 40.00 ± 0.00 |" in text
    assert "Published: losses of a rumor at the same epoch, two runs." in text
    assert "published losses by more than 0.5: deep (−1.00)." in text
    assert "| deep | published | 41.50 | 38.00 and 41.00 |" in text
    assert "|  | claim of a rumor | verdict |" in text
    assert "| 1 | Deep is better, a\\|b | **confirmed** at epoch 20 | < 0.001 |" in text
    assert "| 1 | deep − wide | 3 | 20 | −1.00 |" in text
    assert "| 1 | deep, test KL (nats) − training | 3 | 20 | −34" in text
    assert "| A | Wide has less divergence in the long run (a review) | **not decided**: it" in text
    assert "| A | wide − deep (training KL (nats)) | 3 | 20 | " in text
    assert "This analysis is" not in text and "within" not in text.split("## Claims")[1]
    assert {path.stem for path in (directory / "figures").iterdir()} == {
        "claims",
        "differences",
        "curves_pair",
        "curves_everything",
    }
    assert "![Deep against wide](figures/curves_pair.png)" in text
    assert "![everything](figures/curves_everything.png)" in text


EVIL = "<img src=x onerror=alert(1)>\n\n# Heading"


@pytest.mark.parametrize("reference", ["wide", EVIL])
def test_no_name_of_a_study_makes_html_or_a_heading(mine, without_figures, reference):
    """Names of variants with runs, without runs and waiting, and the phrases of a definition."""
    directory, _ = mine
    study = Study(
        name="mine",
        variants={"wide": {}, EVIL: {}, f"{EVIL} absent": {}},
        reference=reference,
        source=EVIL,
        comparisons={"all": CurveGroup(("wide", EVIL), EVIL)},
        published=Published(
            "digits",
            0.1,
            losses={EVIL: {20: (50.0,)}, "wide": {20: (50.0,)}},
            remark=EVIL,
            notes={20: EVIL},
        ),
        claims=(
            Claim(EVIL, (((EVIL, "val_loss"), ("wide", "val_loss")),), 0, EVIL, EVIL),
            Claim(EVIL, (((EVIL, "val_loss"), ("wide", "val_loss")),)),
        ),
        rule=Rule((2, 4), 0.1, EVIL),
    )
    table = make_table({"wide": 41.0, EVIL: 40.0})
    del table.runs["wide"][2][5:]
    (directory / "study.json").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vae_keras.study.report.study_of", lambda *_: study)
        write_report(RunTable("mine", "digits", reference, table.runs), directory)
    text = (directory / "report.md").read_text()
    assert "**Incomplete**: no runs of &lt;img" in text
    assert "The analysis omits 1 seed of &lt;img" in text
    assert "<img" not in text
    assert not [line for line in text.splitlines() if line.startswith("# Heading")]


@pytest.mark.parametrize("name", ["$x^{$", "a$b", "$$", "\\frac$"])
def test_a_dollar_in_a_name_is_no_formula(tmp_path, name):
    row = {"epoch": 1, "loss": 1.0, "val_loss": 1.0}
    table = RunTable("mine", "digits", name, {name: {0: [row]}, "b": {0: [row], 1: [row]}})
    write_report(table, tmp_path)
    assert "differences.png" in {path.name for path in (tmp_path / "figures").iterdir()}
    point = (1.0, np.ones(1), np.ones(1))
    plots.plot_rate_distortion({name: [point]}).savefig(tmp_path / "curve.png")


def test_a_damaged_definition_is_refused(mine):
    directory, table = mine
    (directory / "study.json").write_text('{"name": "mine"}')
    with pytest.raises(InputError, match="study.json: 'variants' is missing"):
        write_report(table, directory)


@pytest.mark.slow
def test_runs_of_a_variant_that_the_study_lacks_are_reported(tmp_path):
    write_report(make_table({**LOSSES, "swish": 44.0}), tmp_path)
    assert "| swish | 3 | 20 | n/a | 44.00" in (tmp_path / "report.md").read_text()


def test_a_new_term_of_the_loss_has_its_columns_everywhere(mine):
    directory, table = mine
    for rows in table.runs["deep"].values():
        for row in rows:
            row.update(sparsity_loss=0.5, val_sparsity_loss=0.25)
    write_report(table, directory)
    text = (directory / "report.md").read_text()
    assert "| reconstruction | KL (nats) | sparsity | training loss |" in text
    assert "| 0.25 ± 0.00 |" in text and "plus sparsity, averaged over images" in text
    with open(directory / "summary.csv", newline="") as file:
        columns = {row["column"]: row for row in csv.DictReader(file) if row["variant"] == "deep"}
    assert float(columns["val_sparsity_loss"]["mean"]) == 0.25


def test_other_variants_and_plain_autoencoders_get_a_report(tmp_path):
    table = make_table({"deep": 40.0, "wide": 41.0, "flat": 44.0})
    table = RunTable("mine", "digits", "wide", table.runs)
    for rows in table.runs["flat"].values():
        for row in rows:
            del row["kl_loss"], row["val_kl_loss"]
    write_table(table, tmp_path / "runs.csv")
    write_report(read_table(tmp_path / "runs.csv"), tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "## Claims" not in text and "Differences from wide" in text
    assert "nan" not in text.lower()


def test_evaluations_are_summed_up_where_there_are_any(tmp_path, without_figures):
    table = make_table()
    rows = [
        {"variant": "gelu", "seed": seed, "bound": -395.0 - seed, "label_accuracy": 0.75}
        for seed in range(3)
    ]
    write_evaluations(rows, tmp_path / "evaluations.csv")
    write_report(table, tmp_path)
    report = (tmp_path / "report.md").read_text()
    # The t-interval of −395, −396 and −397.
    assert "| gelu | 3 | −396.00 ± 2.48 | 0.750 ± 0.000 |" in report
    assert "Bounds use 50 importance samples" in report
    (tmp_path / "evaluations.csv").write_text("variant,seed,bound\ngelu,0,much\n")
    with pytest.raises(InputError, match="evaluations.csv is damaged"):
        write_report(table, tmp_path)


@pytest.mark.slow
def test_one_command_redraws_everything_without_tensorflow_and_runs(tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    write_table(make_table(), study / "runs.csv")
    before = (study / "runs.csv").read_bytes()
    (tmp_path / "tensorflow.py").write_text("raise ImportError('not wanted here')")
    result = subprocess.run(
        [sys.executable, "-m", "vae_keras.study", "report", str(study)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )
    assert result.returncode == 0, result.stderr
    assert "44.35 and 44.26" in result.stdout
    assert {path.name for path in study.iterdir()} == {
        "runs.csv",
        "summary.csv",
        "report.md",
        "figures",
        ".lock",
    }
    assert (study / "runs.csv").read_bytes() == before


def test_a_study_of_weights_reports_rate_and_distortion(tmp_path):
    study = find_study("weight")
    runs = {}
    for number, name in enumerate(study.variants):
        weight = study.variants[name]["reconstruction_weight"]
        error, kl = 0.06 / (1 + number % 6), 1.0 + number % 6
        row = {"epoch": 1, "loss": 0.0, "reconstruction_loss": 0.0, "kl_loss": kl}
        row |= {"val_loss": number + kl, "val_kl_loss": kl}
        if weight == "auto":
            row |= {"val_reconstruction_loss": -100.0, "mse": error, "val_mse": error}
        else:
            row["val_reconstruction_loss"] = weight * error
        runs[name] = {seed: [row] for seed in range(2)}
    table = RunTable("weight", "digits", study.reference, runs)
    text = write_report(table, tmp_path)
    report = (tmp_path / "report.md").read_text()
    assert "## Rate and distortion" in report and "Differences from" not in report
    assert "GELU beats LeakyReLU in calibrated nats" in report
    cells = [line.split() for line in text.splitlines() if line.startswith("GELU")]
    assert [row[1] for row in cells] == ["100", "300", "1,000", "3,000", "10,000", "auto"]
    assert [row[6] for row in cells] == [f"{0.06 / (1 + i):.5f}" for i in range(6)]
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["rate_distortion.png"]
