"""Amazon's destinations, told by the URL: which service and stream, where, and with whose credentials."""

import pytest

from shuttle.command.flags import parse_flags
from shuttle.command.options import FLAGS
from shuttle.command.settings import find_given, make_config
from shuttle.config import Config
from shuttle.core.aws_stream import AwsService, Destination, read_host
from shuttle.core.endpoint import parse_endpoint
from shuttle.errors import ConfigError

KINESIS = AwsService("kinesis", "us-east-1")
LOGS = AwsService("logs", "eu-west-1")


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("logs.us-east-1.amazonaws.com", ("logs", "us-east-1")),
        ("kinesis.us-east-2.amazonaws.com.cn", ("kinesis", "us-east-2")),
        ("kinesis.eu-west-1.amazonaws.com", ("kinesis", "eu-west-1")),
        ("Kinesis.US-East-1.AmazonAWS.com", ("kinesis", "us-east-1")),
    ],
)
def test_the_host_gives_service_and_region(host: str, service: tuple[str, str]) -> None:
    assert read_host(host) == service


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("kinesis-fips.us-east-1.amazonaws.com", ("kinesis", "us-east-1")),
        ("logs-fips.us-gov-west-1.amazonaws.com", ("logs", "us-gov-west-1")),
        ("kinesis.us-east-1.api.aws", ("kinesis", "us-east-1")),
        ("logs.eu-west-1.api.aws.", ("logs", "eu-west-1")),
        ("kinesis-fips.us-east-1.api.aws", ("kinesis", "us-east-1")),
        ("vpce-0a1b2c3d-x9y8.kinesis.us-east-1.vpce.amazonaws.com", ("kinesis", "us-east-1")),
        ("vpce-0a1b2c3d-x9y8-us-east-1a.logs.us-east-1.vpce.amazonaws.com", ("logs", "us-east-1")),
    ],
)
def test_other_endpoints_of_a_service_work(host: str, service: tuple[str, str]) -> None:
    assert read_host(host) == service


@pytest.mark.parametrize(
    "host",
    [
        "",
        "drain.example",
        "kinesis.us-east-1.amazonaws.com.evil.example",
        "kinesis.us-east-1xamazonaws.com",
        "my-drain-1234.us-east-1.elb.amazonaws.com",
        "ec2-203-0-113-25.compute-1.amazonaws.com",
        "ec2-203-0-113-25.eu-west-1.compute.amazonaws.com",
        "abc123.execute-api.us-east-1.amazonaws.com",
        "vpce-0a1b-x9.vpce-svc-0123.us-east-1.vpce.amazonaws.com",
    ],
)
def test_a_program_of_a_customer_is_an_ordinary_drain(host: str) -> None:
    assert read_host(host) is None


@pytest.mark.parametrize(
    "host",
    [
        "amazonaws.com",
        "s3.us-east-1.amazonaws.com",
        "firehose.us-east-1.amazonaws.com",
        "kinesis.amazonaws.com",
        "kinesis..amazonaws.com",
        "x.kinesis.us-east-1.amazonaws.com",
        "sqs.us-east-1.api.aws",
    ],
)
def test_another_service_of_amazon_is_an_error(host: str) -> None:
    with pytest.raises(ConfigError, match="is not an AWS service that log-shuttle knows"):
        read_host(host)


def test_the_port_of_an_aws_url_counts() -> None:
    endpoint = parse_endpoint("https://kinesis.us-east-1.amazonaws.com:8443/logs")
    assert endpoint.shown == "https://kinesis.us-east-1.amazonaws.com:8443"


@pytest.mark.parametrize(
    ("url", "destination"),
    [
        ("https://kinesis.us-east-1.amazonaws.com/logs", Destination(KINESIS, "logs")),
        ("https://K:S@kinesis.us-east-1.amazonaws.com/logs", Destination(KINESIS, "logs", "", "K", "S")),
        ("https://K:a%2Fb%2Bc@kinesis.us-east-1.amazonaws.com/l", Destination(KINESIS, "l", "", "K", "a/b+c")),
        ("https://logs.eu-west-1.amazonaws.com/app/web.1", Destination(LOGS, "web.1", "app")),
        ("https://logs.eu-west-1.amazonaws.com/a/b/c/web.1", Destination(LOGS, "web.1", "a/b/c")),
        ("https://logs.eu-west-1.amazonaws.com/a%2Fb%2Fc/web.1", Destination(LOGS, "web.1", "a/b/c")),
        ("https://logs.eu-west-1.amazonaws.com/%2Faws%2Fecs%2Fx/web.1", Destination(LOGS, "web.1", "/aws/ecs/x")),
        ("https://logs.eu-west-1.amazonaws.com//aws/ecs/x/web.1", Destination(LOGS, "web.1", "/aws/ecs/x")),
        ("https://logs.eu-west-1.amazonaws.com/app/web%201%2F2?x=1#y", Destination(LOGS, "web 1/2", "app")),
    ],
)
def test_the_url_gives_stream_group_and_credentials(url: str, destination: Destination) -> None:
    endpoint = parse_endpoint(url)
    assert endpoint.aws == destination
    assert str(endpoint.url) == f"https://{destination.service.name}.{destination.service.region}.amazonaws.com/"
    assert endpoint.authorization == ""
    assert "S" not in repr(endpoint.aws).replace("AwsService", "").replace("Destination", "")


@pytest.mark.parametrize(
    "url",
    [
        "https://zq9key:zq9secret@kinesis.us-east-1.amazonaws.com",
        "https://zq9key:zq9secret@kinesis.us-east-1.amazonaws.com/",
        "https://zq9key:zq9secret@kinesis.us-east-1.amazonaws.com/a/b",
        "https://zq9key:zq9secret@kinesis.us-east-1.amazonaws.com/a%20b",
        "https://zq9key@kinesis.us-east-1.amazonaws.com/a",
        "https://:zq9secret@kinesis.us-east-1.amazonaws.com/a",
        "https://zq9key:zq9secret@logs.us-east-1.amazonaws.com/group",
        "https://zq9key:zq9secret@logs.us-east-1.amazonaws.com/group/",
        "https://zq9key:zq9secret@logs.us-east-1.amazonaws.com//stream",
        "https://zq9key:zq9secret@logs.us-east-1.amazonaws.com/group/a:b",
    ],
)
def test_a_url_without_a_stream_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^-logs-url .*; it must be https://\[KEY:SECRET@\]") as caught:
        parse_endpoint(url)
    assert "zq9" not in str(caught.value)
    assert "\n" not in str(caught.value)


URL = "https://K:S@kinesis.us-east-1.amazonaws.com/logs"


@pytest.mark.parametrize(
    ("argv", "environ", "url"),
    [
        ([], {}, "https://kinesis.us-east-1.amazonaws.com/"),
        (["-aws-endpoint", "http://127.0.0.1:5000"], {}, "http://127.0.0.1:5000/"),
        ([], {"AWS_ENDPOINT_URL": "http://h:1"}, "http://h:1/"),
        ([], {"AWS_ENDPOINT_URL": "http://h:1", "AWS_ENDPOINT_URL_KINESIS": "http://h:2/x"}, "http://h:2/x"),
        ([], {"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": "http://h:1"}, "https://kinesis.us-east-1.amazonaws.com/"),
        (["-aws-endpoint", "http://h:3"], {"AWS_ENDPOINT_URL": "http://h:1"}, "http://h:3/"),
        ([], {"AWS_ENDPOINT_URL": "http://h:1", "LOG_SHUTTLE_AWS_ENDPOINT": "http://h:4"}, "http://h:4/"),
    ],
)
def test_a_flag_or_an_aws_variable_sets_the_endpoint(argv: list[str], environ: dict[str, str], url: str) -> None:
    config = make_config(find_given(parse_flags(argv, FLAGS), {"LOGS_URL": URL, **environ}))
    assert str(config.endpoint.url) == url


@pytest.mark.parametrize("endpoint", ["127.0.0.1:5000", "ftp://h", "http://", "http://u:zq9secret@h", "http://h h"])
def test_an_invalid_endpoint_is_refused_and_not_shown(endpoint: str) -> None:
    with pytest.raises(ConfigError, match=r"^-aws-endpoint \(not shown\): must be http://") as caught:
        Config(logs_url=URL, aws_endpoint=endpoint)
    assert "zq9" not in str(caught.value)


def test_gzip_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^-gzip True: cannot be combined with an AWS stream"):
        Config(logs_url=URL, gzip=True)
