"""Asks through OpenAI's Batch API: half the price, within a day.

What is to be submitted is journalled before it goes out, and the batch's id as soon as it is known,
so that a killed run picks its batches up again and submits none twice.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import openai
from openai.types import Batch

from generators.asking.llms import LLM
from generators.asking.work import CAP_REACHED, Work
from generators.costs.budget import Budget
from generators.landing.submissions import Submission
from generators.providers import Request, Unanswered
from generators.providers.access import api_key, patience
from generators.providers.answers import ODD_SHAPE, completion_of
from generators.providers.faults import fault_in
from generators.providers.openai_api import chat_completion
from generators.providers.remedies import may_pass, meaning
from generators.variety.brief import Cell
from synthcare.errors import SynthcareError

_REQUESTS_PER_BATCH = 10_000  # of 50,000 and 200 MB that OpenAI takes
_FIRST_POLL_SECONDS, _LONGEST_POLL_SECONDS = 1.0, 60.0
_TOLD_AFTER_SECONDS = 5.0
_ENDED = ("completed", "failed", "expired", "cancelled")
_TOKEN = "synthcare_submission"  # noqa: S105 (a key of the batch's metadata)


class BatchAPI:
    """The Batch API of one LLM, asked in place of a scheduler."""

    def __init__(self, llm: LLM, budget: Budget, told: Callable[[str], None]) -> None:
        self._llm, self._budget, self._told = llm, budget, told
        self._client = openai.AsyncOpenAI(
            api_key=api_key(llm),
            base_url=llm.base_url,
            timeout=patience(openai, llm),
            max_retries=6,  # of uploads, polls and downloads, which cost nothing
        )

    async def ask(self, work: Work, rows: int, cells: Mapping[Cell, int] | None = None) -> None:
        """Ask for `rows` rows of a run, with quotas for `cells`; return when all batches ended.

        Batches of an earlier session come first. If they bring anything, what is still missing then
        is left to the next call.
        """
        try:
            if left := work.journal.submissions.under_way():
                for submission in left:
                    self._budget.adopt(submission.usd_at_most)
                if any(await _all(self._pick_up(work, submission) for submission in left)):
                    return
            work.begin(rows, cells)
            while work.rows_left > 0 and not work.stopped_because:
                while await self._submit(work):
                    pass
                # What was reserved beyond the cost comes back, and may be enough for more.
                under_way = work.journal.submissions.under_way()
                await _all(self._receive(work, submission) for submission in under_way)
        except (openai.OpenAIError, SynthcareError) as error:
            for submission in work.journal.submissions.under_way():
                # It goes on at OpenAI's, and may cost what was reserved for it.
                self._budget.settle(submission.usd_at_most, submission.usd_at_most)
            work.stop(self._said(error), has_failed=True)

    def _said(self, error: Exception) -> str:
        if isinstance(error, SynthcareError):
            return str(error)
        why = meaning(openai, error, self._llm, self._client.base_url)
        passes = isinstance(why, Unanswered)
        return f"{why} Run the same command again to go on." if passes else str(why)

    async def _submit(self, work: Work) -> bool:
        """Submit the next requests, as many as a batch takes and the cap allows, if any."""
        requests: list[Request] = []
        usd_at_most = 0.0
        while work.rows_left > 0 and len(requests) < _REQUESTS_PER_BATCH:
            most = work.usd_of_next()
            if not self._budget.reserve(most):
                if not requests and not work.journal.submissions.under_way():
                    work.stop(CAP_REACHED)
                break
            usd_at_most += most
            requests.append(work.next_request())
        if not requests:
            return False
        lines = "".join(json.dumps(self._line(request)) + "\n" for request in requests)
        try:
            uploaded = await self._client.files.create(
                file=("requests.jsonl", lines.encode()), purpose="batch"
            )
        except openai.OpenAIError:
            self._budget.settle(usd_at_most, 0.0)
            raise
        submission = Submission(
            request_number=requests[0].number,
            last_request_number=requests[-1].number,
            token=uuid.uuid4().hex,
            usd_at_most=usd_at_most,
            cells={
                str(request.number): list(request.brief.cells.items())
                for request in requests
                if request.brief.cells
            },
        )
        work.journal.submissions.begun(submission)
        # Never sent twice: if its answer is lost, the next session looks for the token.
        batch = await self._client.with_options(max_retries=0).batches.create(
            input_file_id=uploaded.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={_TOKEN: submission.token, "run_id": work.run.run_id},
        )
        work.journal.submissions.known_as(submission, batch.id)
        return True

    async def _pick_up(self, work: Work, submission: Submission) -> int:
        """Go on with a batch that an earlier session submitted; return the number of answers."""
        if submission.batch_id is None:
            async for batch in self._client.batches.list(limit=100):
                if (batch.metadata or {}).get(_TOKEN) == submission.token:
                    submission = work.journal.submissions.known_as(submission, batch.id)
                    break
            else:
                work.journal.submissions.ended(submission, "never submitted")
                self._budget.settle(submission.usd_at_most, 0.0)
                return 0
        return await self._receive(work, submission)

    async def _receive(self, work: Work, submission: Submission) -> int:
        """Wait for a batch to end, and journal its answers; return how many are new."""
        batch = await self._wait(submission)
        files = (batch.output_file_id, batch.error_file_id)
        lines = [line for file_id in files for line in await self._lines(file_id)]
        answered = [line for line in lines if _status(line) == HTTPStatus.OK]
        failed = [line for line in lines if _status(line) != HTTPStatus.OK]
        spent, new = 0.0, 0
        for line in answered:
            number, rows = _asked_for(line)
            answer = completion_of(line["response"].get("body"))
            if number in work.journal.answered or number not in submission.numbers:
                continue  # and paid, in an earlier session; or never asked for
            request = work.request(number, rows, submission.cells_of(number))
            new += 1
            spent += work.usd(answer, work.usd_at_most(request))
            work.receive(
                request,
                answer,
                _time(batch.created_at),
                received_at=_time(batch.completed_at or batch.expired_at or batch.created_at),
            )
        self._budget.settle(submission.usd_at_most, spent)
        work.journal.submissions.ended(submission, batch.status)
        if not answered and (why := _why(batch, failed)):
            raise SynthcareError(f"{self._llm.name}: batch {batch.id} has {batch.status}: {why}")
        return new

    async def _wait(self, submission: Submission) -> Batch:
        delay, waited = _FIRST_POLL_SECONDS, 0.0
        while True:
            batch = await self._client.batches.retrieve(submission.batch_id)
            if batch.status in _ENDED:
                return batch
            if waited < _TOLD_AFTER_SECONDS <= waited + delay:
                self._told(
                    f"{self._llm.name} waits for batch {batch.id}, which may take a day: "
                    f"{batch.status}. Stop it if you like; the same command goes on from here."
                )
            waited += delay
            await asyncio.sleep(delay)
            delay = min(delay * 1.5, _LONGEST_POLL_SECONDS)

    async def _lines(self, file_id: str | None) -> list[dict]:
        if file_id is None:
            return []
        content = await self._client.files.content(file_id)
        # Not at all line ends that Unicode knows: answers may hold them.
        lines = [line for line in content.text.split("\n") if line.strip()]
        read = [line for line in map(_read_line, lines) if line]
        if damaged := len(lines) - len(read):
            self._told(f"{self._llm.name}: lines of {file_id} that cannot be read: {damaged}")
        return read

    def _line(self, request: Request) -> dict[str, object]:
        arguments = chat_completion(self._llm, request)
        return {
            # All that a later session needs to know the request again.
            "custom_id": f"{request.number}-{request.rows}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": arguments | arguments.pop("extra_body"),
        }

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()


@asynccontextmanager
async def open_batch_api(
    llm: LLM, budget: Budget, told: Callable[[str], None]
) -> AsyncIterator[BatchAPI]:
    """The Batch API of `llm` while the block lasts."""
    api = BatchAPI(llm, budget, told)
    try:
        yield api
    finally:
        await api.aclose()


async def _all(receiving: Iterable[Coroutine[Any, Any, int]]) -> list[int]:
    """What all of them return; where one fails, the others are still waited for."""
    results = await asyncio.gather(*receiving, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def _why(batch: Batch, failed: Sequence[dict]) -> str:
    """Why a batch without answers would have none again; empty where it might."""
    if batch.errors and batch.errors.data:
        return batch.errors.data[0].message or ""
    for line in failed:
        if not may_pass(_status(line)):
            return fault_in(line["response"].get("body")).message
    return ""


def _read_line(text: str) -> dict | None:
    """A line of a file of answers; None where it does not say which request it answers."""
    try:
        line = json.loads(text)
        _asked_for(line)
    except ODD_SHAPE:
        return None
    return line


def _asked_for(line: dict) -> tuple[int, int]:
    """Number of the request that a line answers, and its rows."""
    number, rows = line["custom_id"].split("-")
    return int(number), int(rows)


def _status(line: dict) -> int:
    """Status of one request; a request that expired has no response."""
    response = line.get("response")
    status = response.get("status_code") if isinstance(response, dict) else None
    return status if isinstance(status, int) else HTTPStatus.REQUEST_TIMEOUT


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
