"""Metrics are read from lines by l2met's grammar, and what is malformed is left out."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.local_drain.l2met.metric_lines import COUNT, MEASURE, SAMPLE, Metric, may_hold_metrics, read_metrics
from shuttle.observe.statistics import Statistics

ROUTER = (
    b'at=info method=GET path="/a?b=1 service=9ms" host=shop.example request_id=1 fwd="1.2.3.4" dyno=web.2 '
    b"connect=1ms service=12ms status=503 bytes=1548 protocol=https\n"
)
RUNTIME = b"source=web.1 dyno=heroku.12.ab sample#memory_total=184.23MB sample#load_avg_1m=2.46 sample#pages=70pages"


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (b"measure#db.latency=4ms", [(Metric(MEASURE, "db.latency", "ms", ""), 4)]),
        (b"count#checkout=1\n", [(Metric(COUNT, "checkout", "", ""), 1)]),
        (b"sample#db.size=100GB", [(Metric(SAMPLE, "db.size", "GB", ""), 100)]),
        (b'measure#a="4.5ms" source="web 1"', [(Metric(MEASURE, "a", "ms", "web 1"), 4.5)]),
        (b"measure#a=.5s", [(Metric(MEASURE, "a", "s", ""), 0.5)]),
        (b"measure#a=5.s", [(Metric(MEASURE, "a", "s", ""), 5)]),
        (
            b"paid in full count#a=2 source=web.1 measure#b=3ms",
            [(Metric(COUNT, "a", "", "web.1"), 2), (Metric(MEASURE, "b", "ms", "web.1"), 3)],
        ),
        (
            ROUTER,
            [
                (Metric(MEASURE, "router.service", "ms", "web.2"), 12),
                (Metric(MEASURE, "router.connect", "ms", "web.2"), 1),
                (Metric(MEASURE, "router.status.503", "ms", ""), 12),
            ],
        ),
        (
            RUNTIME,
            [
                (Metric(SAMPLE, "memory_total", "MB", "web.1"), 184.23),
                (Metric(SAMPLE, "load_avg_1m", "", "web.1"), 2.46),
                (Metric(SAMPLE, "pages", "pages", "web.1"), 70),
            ],
        ),
        ("measure#größe=1 source=\U0001f600".encode(), [(Metric(MEASURE, "größe", "", "\U0001f600"), 1)]),
        (b"count#\xff=1", [(Metric(COUNT, r"\xff", "", ""), 1)]),
    ],
)
def test_metrics_of_a_line(message: bytes, found: list[tuple[Metric, float]]) -> None:
    assert may_hold_metrics(message)
    assert read_metrics(message) == found


@pytest.mark.parametrize(
    "message",
    [
        *(b"", b"count#a", b"count#=1", b"count#a=", b"count#a=-1", b"count#a=+1", b"count#a=1e5", b"count#a=x"),
        *(b"count#a=1 2ms"[:-6] + b"=", b"sum#a=1", b"Count#a=1", b"xcount#a=1", b"a count#a = 1", b'count#a="1'),
        *(b"count#a=.", b"count#a=" + b"9" * 400, b"count#" + b"a" * 101 + b"=1", b"count#a=1 source=" + b"b" * 101),
        *(b"service=12ms", b"service=12ms status=abc", b"service=fast status=200", b"status=200 connect=1ms"),
        *(b"count#a=1\x1b[31m", b'path="/ count#a=1"', b"count#a=1..2", b"count#a=nan", b"count#a=inf"),
    ],
)
def test_what_is_malformed_is_left_out(message: bytes) -> None:
    assert read_metrics(message) == []


def test_the_agents_own_statistics_are_read() -> None:
    statistics = Statistics(source="web.1", format="l2met", started=0.0)
    statistics.success.update(0.0125, 1.0)
    line = statistics.render(10.0, counts={"lines.dropped": 3}, gauges={"outlet.inbox.length": 2})
    assert read_metrics(line.encode()) == [
        (Metric(COUNT, "log-shuttle.lines.dropped", "", "web.1"), 3),
        (Metric(SAMPLE, "log-shuttle.outlet.inbox.length", "", "web.1"), 2),
        (Metric(MEASURE, "log-shuttle.outlet.post.success", "ms", "web.1"), 12.5),
    ]


@given(st.binary(max_size=200) | st.text(alphabet='count#measure=1ms "source.\\\n', max_size=200).map(str.encode))
def test_any_bytes_are_read(message: bytes) -> None:
    for metric, value in read_metrics(message):
        assert metric.kind in (COUNT, MEASURE, SAMPLE)
        assert value >= 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from([COUNT, MEASURE, SAMPLE]),
            st.from_regex(r"[a-z][a-z0-9._-]{0,20}", fullmatch=True),
            st.decimals(0, 10**9, places=3),
            st.sampled_from(["", "ms", "s", "MB", "%"]),
        ),
        max_size=10,
    )
)
def test_what_is_written_is_read_back(values: list[tuple[str, str, object, str]]) -> None:
    line = " ".join(["source=x", *(f"{kind}#{name}={value}{unit}" for kind, name, value, unit in values)])
    assert read_metrics(line.encode()) == [
        (Metric(kind, name, unit, "x"), float(str(value))) for kind, name, value, unit in values
    ]


@pytest.mark.parametrize("part", [b"a", b"a=", b'a="', b'a="b ', b'"', b"a=b", b"service=", b" ", b"count#", b'=" '])
def test_no_line_takes_long(part: bytes) -> None:
    """A line ten times as long takes ten times as long, and not a hundred times."""

    def take(message: bytes) -> float:
        times = []
        for _ in range(5):
            begun = time.process_time()
            read_metrics(message)
            times.append(time.process_time() - begun)
        return min(times)

    assert take(part * (100_000 // len(part))) < 40 * take(part * (10_000 // len(part))) + 0.01
