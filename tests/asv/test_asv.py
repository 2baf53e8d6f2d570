"""asv itself, on the commits of a repository made for the test: run, show, compare, publish."""

import json
import sys
from math import isnan
from pathlib import Path

import pytest

from .commits import Repository

SUITE = """
[[case]]
label = "small"
in_channels = 2
input_size = 6
out_channels = 3
kernel_size = 1

[[case]]
label = "padded"
in_channels = 2
input_size = 6
out_channels = 3
kernel_size = 1
padding = 1
"""

RIGHT = '''
from convharness import implementation

@implementation(kernel_size=1)
def pointwise(x, weight):
    """A matrix product."""
    n, c, h, w = x.shape
    return (weight.reshape(-1, c) @ x.reshape(n, c, h * w)).reshape(n, -1, h, w)
'''
WRONG = RIGHT.replace("weight.reshape(-1, c) @", "1.5 * weight.reshape(-1, c) @")
ADDED = RIGHT.replace("pointwise", "another")


class Tracked(Repository):
    """A repository set up by `convharness init`, for plain asv."""

    def __init__(self, folder):
        super().__init__(folder)
        (folder / "mini.toml").unlink()
        (folder / "suites").mkdir()
        (folder / "implementations").mkdir()
        (folder / "suites/mini.toml").write_text(SUITE, "utf-8")
        (folder / "implementations/mine.py").write_text(RIGHT + ADDED.split("\n\n", 1)[1], "utf-8")
        code, _, complaint = self.convharness("init")
        assert 0 == code, complaint

    def asv(self, *words):
        """Run asv, and return its exit code and its output."""
        code, output, complaint = self.run(sys.executable, "-m", "asv", *words, CONVHARNESS_BUDGET="0.05")
        return code, output + complaint

    def results(self, commit):
        """Return asv's results of a commit: the values of each benchmark, by case."""
        path = next((self.folder / "results/asv").glob(f"*/{commit[:8]}-*.json"))
        results = json.loads(path.read_text("utf-8"))["results"]
        return {name: row[0] for name, row in results.items()}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Return three commits, all run: one implementation, a second one beside it, the first one wrong."""
    made = Tracked(tmp_path_factory.mktemp("plain") / "repository")
    made.commits = [
        made.commit("One", mine=RIGHT),
        made.commit("Two", mine=RIGHT + ADDED.split("\n\n", 1)[1]),
        made.commit("Wrong", mine=WRONG),
    ]
    made.outputs = [made.asv("run", "--quick", f"{commit}^!") for commit in made.commits]
    return made


def test_run_succeeds_where_all_are_right_and_reports_where_not(repository):
    """The exit code of asv is 0 for a right commit and 2 for one with a failed benchmark."""
    codes = [code for code, _ in repository.outputs]

    assert [0, 0, 2] == codes, repository.outputs


def test_run_keeps_times_and_errors_of_what_passed(repository):
    """A case that passed has a time, a relative time and an error, and an unsupported one has NaN."""
    results = repository.results(repository.commits[0])

    time, relative, error = (
        results[f"mini.mine_pointwise.{name}"]
        for name in ("track_time", "track_relative_time", "track_error")
    )
    assert time[0] > 0
    assert relative[0] > 0
    assert 0 < error[0] < 3
    assert [True, True, True] == [isnan(values[1]) for values in (time, relative, error)]


def test_an_absent_implementation_is_not_a_failure(repository):
    """An implementation has NaN at a commit before it exists, and a time afterwards."""
    name = "mini.mine_another.track_time"
    before, after = (repository.results(commit)[name] for commit in repository.commits[:2])

    assert isnan(before[0])
    assert after[0] > 0


def test_a_wrong_implementation_has_no_time(repository):
    """An implementation that is wrong at a commit has no time there."""
    results = repository.results(repository.commits[2])["mini.mine_pointwise.track_time"]

    assert results is None or results[0] is None


def test_each_commit_leaves_a_run_of_convharness(repository):
    """Each commit leaves a run of convharness with its verdicts and reasons, beside asv's results."""
    runs = [
        json.loads(path.read_text("utf-8"))
        for path in (repository.folder / "results/runs").glob("*/run.json")
    ]
    lines = (repository.folder / "results/runs").glob("*/records.jsonl")
    reasons = [json.loads(line)["reason"] for path in lines for line in path.read_text("utf-8").splitlines()]

    assert set(repository.commits) == {run["environment"]["commit"] for run in runs}
    assert any(reason and reason.startswith("y[0, 0, 0, 0] is ") for reason in reasons)


def test_commit_is_measured_and_not_the_working_tree(repository):
    """A commit is measured with its own files and not with those of the working tree."""
    held = (repository.folder / "implementations/mine.py").read_text("utf-8")
    time = repository.results(repository.commits[0])["mini.mine_pointwise.track_time"][0]

    assert WRONG == held
    assert time > 0


def test_show_compare_and_publish_work_on_the_results(repository):
    """The commands of asv show a commit, compare two commits, and publish a site with the series."""
    first, second, _ = repository.commits
    shown, compared, published = (
        repository.asv("show", first),
        repository.asv("compare", first, second),
        repository.asv("publish"),
    )
    site = repository.folder / ".asv/html"
    index = json.loads((site / "index.json").read_text("utf-8"))

    assert (0, 0, 0) == (shown[0], compared[0], published[0])
    assert "mini.mine_pointwise.track_time" in shown[1]
    assert "mini.mine_pointwise.track_time" in compared[1]
    assert "mini.mine_pointwise.track_time" in index["benchmarks"]
    assert list(site.glob("graphs/**/mini.mine_pointwise.track_time.json")) != []


def test_nothing_is_installed_for_a_commit(repository):
    """The environment of a commit has a checkout and no installed packages."""
    found = {path.name for path in Path(repository.folder, ".asv/env").rglob("site-packages")}

    assert set() == found
