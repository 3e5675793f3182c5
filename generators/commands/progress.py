"""Progress bars: one per run, with rows, rate and time left."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from generators.asking.engine import Progress
from generators.asking.judge import Counts
from generators.asking.runs import Run


@contextmanager
def show_progress(console: Console, runs: Sequence[Run], rows: int) -> Iterator[Progress]:
    """Bars that count rows as they come, and are set right when dbt has counted."""
    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
    ) as bars:
        tasks = {
            run: bars.add_task(
                run.label,
                total=run.kept.rows if run.kept else rows,
                rate="",
                start=False,
                visible=not run.parent,
            )
            for runs_of_one in runs
            for run in runs_of_one.tables
        }

        def begun(run: Run, wanted: int) -> None:
            bars.update(tasks[run], total=wanted, visible=True)

        def received(run: Run, count: int) -> None:
            task = bars.tasks[tasks[run]]
            if not task.started:
                bars.start_task(task.id)
            rate = f"{task.speed:.1f}/s" if task.speed else ""
            # Not all of them will be accepted, so the bar is full only when dbt says so.
            most = max(task.total - 1, 0)
            bars.update(task.id, completed=min(task.completed + count, most), rate=rate)

        def counted(run: Run, counts: Counts) -> None:
            task = bars.tasks[tasks[run]]
            bars.update(task.id, completed=min(counts.accepted, task.total))

        yield Progress(begun=begun, received=received, counted=counted, told=bars.console.print)
