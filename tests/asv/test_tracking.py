"""`convharness track` over commits, through asv: the events that it finds, and interruptions."""

import json
import re
import signal
import subprocess
import sys
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pandas as pd
import pytest

from convharness import load_history
from tests.browser.chromium import CHROMIUM, WHY_NOT, opened

from .commits import OTHER, Repository, kernel, twelve

TRACK = ("track", "--suite", "mini.toml", "--budget", "0.1", "--level", "quick")


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Return a repository whose tracking was killed, its commits with an effect, and its runs so far."""
    made, planted = twelve(tmp_path_factory.mktemp("tracked") / "repository")
    process = subprocess.Popen(
        [sys.executable, "-m", "convharness", *TRACK],
        cwd=made.folder,
        env=made.environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    for line in process.stderr:
        if " 5/12 " in line:
            break
    time.sleep(3)  # during the sixth commit
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return made, planted, set((made.folder / "results/runs").iterdir())


@pytest.fixture(scope="module")
def tracked(killed):
    """Return the repository, its commits with an effect, and the output of tracking all commits."""
    made, planted, _ = killed
    return made, planted, made.convharness(*TRACK)


def named(made):
    """Return the commits that `--regressions` names, with the kinds of their steps."""
    code, output, complaint = made.convharness("track", "--regressions", "--format", "json")
    assert 0 == code, complaint
    return {event["commit"]: set(event["kinds"]) for event in json.loads(output)}


def test_regressions_are_the_commits_that_planted_them_and_no_others(tracked):
    """The regressions are the five commits with an effect, each of its kind, and no others."""
    made, planted, (code, _, complaint) = tracked
    found = named(made)

    assert 0 == code, complaint
    assert {planted[kind]: True for kind in planted} == {
        commit: next((kind for kind in planted if planted[kind] == commit), None) in kinds
        for commit, kinds in found.items()
    }


def test_a_tracking_that_was_killed_is_resumed(killed, tracked):
    """Tracking that was killed keeps its five commits and goes on in the run of the sixth."""
    made, _, runs = killed
    _, _, (code, _, complaint) = tracked
    walked = [line for line in complaint.splitlines() if "/7 " in line]

    assert (0, 7) == (code, len(walked)), complaint
    assert runs <= set((made.folder / "results/runs").iterdir())
    assert 12 == load_history(made.folder)["run"].nunique()


def test_tracking_again_keeps_all_and_names_the_same(tracked):
    """Tracking again measures no commit and names the same regressions."""
    made, _, _ = tracked
    before = named(made)
    code, _, complaint = made.convharness(*TRACK, "HEAD~11..HEAD")
    lines = [line for line in complaint.splitlines() if "/11 " in line]

    assert (0, 11, [True] * 11) == (code, len(lines), ["from before" in line for line in lines]), complaint
    assert before == named(made)


def test_the_table_names_the_commits_in_order(tracked):
    """The table of regressions has the short hashes of the commits in order."""
    made, planted, _ = tracked
    _, output, _ = made.convharness("track", "--regressions")
    first = dict.fromkeys(line.split()[0] for line in output.splitlines()[1:] if line[:1].strip())
    hashes = [planted[kind][:10] for kind in ("slower", "imprecise", "added", "wrong", "broken")]

    assert hashes == [word for word in first if len(word) == 10]


@pytest.mark.parametrize(
    ("gate", "code"), [("slower:50%", 0), ("slower", 1), ("wrong", 1), ("imprecise:2", 1)]
)
def test_a_gate_applies_to_the_history(gate, code, tracked):
    """`--fail-on` decides on the exit code of `--regressions`, with its thresholds."""
    made, _, _ = tracked

    assert code == made.convharness("track", "--regressions", "--fail-on", gate)[0]


def test_the_history_is_one_table(tracked):
    """The history has a row for each commit, case and implementation, from runs."""
    made, planted, _ = tracked
    frame = load_history(made.folder)
    mine = frame[frame["implementation"] == "mine.pointwise"]
    wrong = mine[mine["commit"] == planted["wrong"]]

    assert (12, {"run"}, {"wrong"}) == (frame["commit"].nunique(), set(frame["source"]), set(wrong["status"]))
    assert [True, True] == [(mine["relative_time"] > 0).sum() == 22, wrong["relative_time"].isna().all()]


def test_the_history_without_runs_comes_from_asv(tracked, tmp_path):
    """The history without runs has asv's figures, and failures without their reasons."""
    made, planted, _ = tracked
    (tmp_path / "results").mkdir()
    (tmp_path / "results/asv").symlink_to(made.folder / "results/asv")
    frame = load_history(made.folder, tmp_path / "results")
    mine = frame[frame["implementation"] == "mine.pointwise"]
    full = load_history(made.folder)

    assert {"asv"} == set(frame["source"])
    assert {"error"} == set(mine[mine["commit"] == planted["wrong"]]["status"])
    assert len(full) == len(frame)


def test_the_history_is_written_as_its_name_says(tracked, tmp_path):
    """The history is written as CSV or Parquet by the ending of its name."""
    made, _, _ = tracked
    for name in ("history.csv", "history.parquet"):
        code, _, complaint = made.convharness("track", "--regressions", "--history", str(tmp_path / name))
        assert 0 == code, complaint
    text, columns = pd.read_csv(tmp_path / "history.csv"), pd.read_parquet(tmp_path / "history.parquet")

    assert list(text["commit"]) == list(columns["commit"])


@pytest.fixture(scope="module")
def published(tracked):
    """Return the folder of the repository after its history was published."""
    made, _, _ = tracked
    code, _, complaint = made.convharness(*TRACK, "--publish")
    assert 0 == code, complaint
    return made.folder


def test_asv_reads_what_is_tracked_and_its_site_has_the_series(tracked, published):
    """The commands of asv read the tracked results, and its site has the series."""
    made, planted, _ = tracked
    site = published / ".convharness/html"
    (series,) = site.glob("graphs/**/branch-HEAD/**/mini.mine_pointwise.track_relative_time.json")
    _, compared, _ = made.run(
        sys.executable, "-m", "asv", "compare", "--config", ".convharness/asv.conf.json",
        f"{planted['slower']}~1", planted["slower"],
    )  # fmt: skip

    assert "mini.mine_pointwise.track_time" in compared
    assert 12 == len({revision for revision, _ in json.loads(series.read_text("utf-8"))})


@pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
def test_a_browser_shows_the_history(tracked, published, tmp_path):
    """A browser shows a chart per implementation, a mark per event, and nothing on the console."""
    _, planted, _ = tracked
    document, console = opened((published / "results/reports/history.html").as_uri(), tmp_path)
    history = document[document.index('id="history"') :]
    charts = re.findall(r'<figure class="trend" data-i="([^"]*)"', history)
    marks = re.findall(r"<title>(\w{10}) (slower|less exact|wrong|does not import|added):", history)

    assert (["mine.pointwise", "theirs.another"], []) == (charts, console)
    assert {commit[:10] for commit in planted.values()} == {commit for commit, _ in marks}


@pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
def test_a_browser_shows_asv_s_site(published, tmp_path):
    """A browser shows asv's site from a local server, without the network."""
    handler = partial(Quiet, directory=published / ".convharness/html")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        document, _ = opened(f"http://127.0.0.1:{server.server_port}/", tmp_path)
        server.shutdown()

    assert "mini.mine_pointwise.track_relative_time" in document


class Quiet(SimpleHTTPRequestHandler):
    """A web server without a log."""

    def log_message(self, *_):
        """Log nothing."""


def test_a_commit_without_implementations_is_passed_over(tmp_path):
    """A commit without a folder of implementations, or without a plugin in it, is passed over."""
    made = Repository(tmp_path / "repository")
    made.commit("Nothing yet", readme="Soon.\n")
    made.commit("No plugin yet", mine="print('hello')\n")
    made.commit("Something", theirs=OTHER)
    code, output, complaint = made.convharness(*TRACK)
    lines = [line for line in complaint.splitlines() if "/3 " in line]

    assert [True, True, False] == ["offers no implementations" in line for line in lines], complaint
    assert (0, "1 added." in output) == (code, True)


def test_uncommitted_changes_are_not_measured(tmp_path):
    """Uncommitted changes are not measured, and the command warns about them."""
    made = Repository(tmp_path / "repository")
    made.commit("Something", theirs=OTHER)
    (made.folder / "implementations/theirs.py").write_text("raise SystemExit\n", "utf-8")
    code, _, complaint = made.convharness(*TRACK)

    assert (0, True) == (code, "commits are measured, not uncommitted changes" in complaint), complaint
    assert [{"passed"}, {"theirs.another"}] == [
        set(load_history(made.folder)[name]) for name in ("status", "implementation")
    ]


def test_a_suite_that_cannot_be_tracked_affects_no_other(tmp_path):
    """A missing suite, or one with the name of another, is refused, and the tracked one goes on."""
    made = Repository(tmp_path / "repository")
    made.commit("Something", theirs=OTHER)
    (made.folder / "other").mkdir()
    (made.folder / "other/mini.toml").write_text((made.folder / "mini.toml").read_text("utf-8"), "utf-8")
    mistakes = [made.convharness("track", "--suite", name) for name in ("nosuch", "./nosuch.toml")]
    first = made.convharness(*TRACK)
    twice = made.convharness("track", "--suite", "other/mini.toml")
    made.folder = made.folder.rename(tmp_path / "moved")
    again = made.convharness(*TRACK)

    assert [2, 2, 0, 2, 0] == [code for code, _, _ in (*mistakes, first, twice, again)], again
    assert "which is tracked, have one name; rename one of them" in twice[2]
    assert "from before" in again[2]


PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "their-kernels"
version = "1.0"

[project.entry-points."convharness.implementations"]
theirs = "their_kernels"
"""


def test_a_package_is_installed_at_every_commit(tmp_path):
    """A package is installed at each commit, and one that does not build is `broken` at that commit."""
    made = Repository(tmp_path / "repository")
    (made.folder / "their_kernels.py").write_text(OTHER, "utf-8")
    (made.folder / "pyproject.toml").write_text(PROJECT, "utf-8")
    made.commit("Begin")
    (made.folder / "pyproject.toml").write_text(PROJECT.replace('"1.0"', '"one"'), "utf-8")
    broken = made.commit("Count in words")
    (made.folder / "pyproject.toml").write_text(PROJECT, "utf-8")
    (made.folder / "their_kernels.py").write_text(OTHER.replace("return (", "return 2 * ("), "utf-8")
    wrong = made.commit("Twice")
    code, _, complaint = made.convharness(*TRACK)

    assert (0, {broken: {"broken"}, wrong: {"wrong"}}) == (code, named(made)), complaint


def test_bisecting_finds_the_commit_among_untracked_ones(tmp_path):
    """`--bisect` finds the commit of an effect among untracked ones, measuring only relevant ones."""
    made = Repository(tmp_path / "repository")
    made.commit("Begin", mine=kernel(100))
    for number in range(3):
        made.commit(f"Words {number}", readme=f"{number}\n")
    slower = made.commit("Tidy up", mine=kernel(130))
    for number in range(3):
        made.commit(f"More words {number}", readme=f"more {number}\n")
    code, output, complaint = made.convharness(*TRACK, "HEAD~7")
    code, output, complaint = made.convharness(*TRACK, "HEAD", "--bisect", "--format", "json")

    assert [(slower, [])] == [(one["commit"], one["untracked_between"]) for one in json.loads(output)]
    assert (0, 3) == (code, load_history(made.folder)["commit"].nunique()), complaint
