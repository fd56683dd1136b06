"""A Kinesis record: the shape that Go's log-shuttle gives a frame."""

import base64


def make_record(frame: bytes, *, hostname: str, shard: int) -> dict[str, str]:
    """Return the record of PutRecords that holds `frame`; `shard`, from 1, spreads the partition keys."""
    return {"PartitionKey": f"{hostname}{shard}", "Data": base64.b64encode(frame).decode("ascii")}
