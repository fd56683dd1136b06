"""A catalogue without a store, for tests of what uses one."""

from shuttle.config import Config
from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.labels import Labels
from shuttle.observe.log import SILENT
from shuttle.store.checkpoints import Checkpoints


def make_catalogue() -> Catalogue:
    labels = Labels(Config(logs_url="http://drain.example/", procid="{name}").framing)
    return Catalogue(Checkpoints.open(None, SILENT), labels, clock=lambda: 5.0)
