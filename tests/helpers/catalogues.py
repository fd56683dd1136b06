"""A catalogue without a store, for tests of what uses one."""

from shuttle.config import Config
from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.descriptors import Descriptors
from shuttle.input.files.labels import Labels
from shuttle.input.files.rotation.directories import Directories
from shuttle.input.files.trust import open_named
from shuttle.observe.log import SILENT
from shuttle.store.checkpoints import Checkpoints


def make_catalogue() -> Catalogue:
    labels = Labels(Config(logs_url="http://drain.example/", procid="{name}").framing)
    descriptors = Descriptors(open_named, Directories())
    return Catalogue(Checkpoints.open(None, SILENT), labels, lambda: 5.0, descriptors)
