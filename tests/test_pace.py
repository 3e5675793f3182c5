"""Rate limits, on a clock that the test moves."""

import pytest

from generators.asking.pace import Bucket, Limit, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Server:
    """A provider's bucket, which counts by itself and answers with what it has left."""

    def __init__(self, per_minute: float, clock: Clock) -> None:
        self.per_minute, self.clock = per_minute, clock
        self.level, self.filled_at = per_minute, 0.0
        self.let_in = self.refused = 0.0

    def take(self, amount: float) -> Limit | None:
        gained = (self.clock.now - self.filled_at) * self.per_minute / 60
        self.level, self.filled_at = min(self.per_minute, self.level + gained), self.clock.now
        if amount > self.level + 1e-6:
            self.refused += 1
            return None
        self.level -= amount
        self.let_in += amount
        return Limit(self.per_minute, self.level)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def send_for(minutes: float, bucket: Bucket, server: Server, clock: Clock, counted: float) -> None:
    """Send as fast as the bucket lets; it counts 100 a request, the server `counted`."""
    answers = []  # 13 seconds behind
    while clock.now < minutes * 60:
        delay = bucket.delay(100)
        clock.now += delay
        while answers and answers[0][0] <= clock.now:
            _, mark, limit = answers.pop(0)
            bucket.learn(mark, limit)
        if bucket.delay(100) > 0:
            continue
        mark = bucket.take(100)
        limit = server.take(counted)
        if limit:
            answers.append((clock.now + 13, mark, limit))


def test_a_minutes_worth_may_go_at_once_and_the_rest_as_it_fills(clock: Clock) -> None:
    bucket = Bucket(600, clock)
    for _ in range(5):
        assert bucket.delay(100) == 0
        bucket.take(100)
    assert bucket.delay(100) == pytest.approx(1.2)  # 2 % stay in it
    clock.now += 1.2
    assert bucket.delay(100) == 0
    bucket.take(100)
    assert bucket.delay(100) == pytest.approx(10)


def test_without_a_limit_nothing_waits(clock: Clock) -> None:
    pace = Pace(None, None, clock)
    for _ in range(1000):
        assert pace.delay(10**9) == 0
        pace.take(10**9)


def test_a_request_larger_than_the_limit_goes_when_the_bucket_is_full(clock: Clock) -> None:
    bucket = Bucket(600, clock)
    assert bucket.delay(5000) == 0
    bucket.take(5000)
    assert bucket.delay(100) == pytest.approx((5000 - 600 + 100 + 12) / 10)


@pytest.mark.parametrize("counted", [60, 100, 101])
def test_the_providers_limit_is_used_and_kept(clock: Clock, counted: float) -> None:
    """Also where it counts otherwise than we do, or by a hair more."""
    bucket, server = Bucket(20_000, clock), Server(20_000, clock)
    send_for(10, bucket, server, clock, counted)
    assert server.let_in > 0.95 * (20_000 + 10 * 20_000)
    assert server.refused < 0.01 * server.let_in / counted


def test_a_limit_is_learnt_from_the_headers(clock: Clock) -> None:
    bucket = Bucket(None, clock)
    marks = [bucket.take(100) for _ in range(3)]
    for mark, remaining in zip(marks, (500, 400, 300), strict=True):
        bucket.learn(mark, Limit(600, remaining))
    assert bucket.delay(300 - 12) == pytest.approx(0)
    assert bucket.delay(400 - 12) == pytest.approx(10)


def test_what_others_use_of_the_same_limit_is_noticed_once(clock: Clock) -> None:
    bucket = Bucket(600, clock)
    marks = [bucket.take(50) for _ in range(4)]
    for mark, remaining in zip(marks, (450, 400, 350, 300), strict=True):  # 100 less than thought
        bucket.learn(mark, Limit(600, remaining))
    assert bucket.delay(300 - 12) == pytest.approx(0)
    assert bucket.delay(310 - 12) == pytest.approx(1)


def test_a_bucket_never_holds_more_than_a_minutes_worth(clock: Clock) -> None:
    bucket = Bucket(600, clock)
    mark = bucket.take(60)
    clock.now += 60
    bucket.delay(1)  # it is full again
    bucket.learn(mark, Limit(600, 600))
    bucket.take(600)
    assert bucket.delay(88) == pytest.approx(10)


def test_llms_yml_may_allow_less_than_the_provider(clock: Clock) -> None:
    bucket = Bucket(60, clock)
    bucket.learn(bucket.take(60), Limit(6000, 5940))
    bucket.take(60)
    assert bucket.delay(60) == pytest.approx(60)


def test_a_pause_holds_everything(clock: Clock) -> None:
    pace = Pace(None, None, clock)
    pace.pause(3)
    pace.pause(1)
    assert pace.delay(1) == pytest.approx(3)
