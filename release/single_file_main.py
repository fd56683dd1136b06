"""The start of the single file. An old Python must be able to read it, to say that it is too old."""

import sys

if sys.version_info < (3, 11):
    sys.stderr.write("log-shuttle: needs Python 3.11 or later, not %d.%d\n" % sys.version_info[:2])
    sys.exit(1)

from importlib.machinery import ModuleSpec
from importlib.util import MAGIC_NUMBER
from marshal import loads


class Finder(object):
    """Finds modules by their bytecode: an entry of the archive has that of a package and all in it."""

    def __init__(self, archive):
        self._bytecode = archive + "/bytecode/" + MAGIC_NUMBER.hex() + "/"
        self._source = archive + "/source/"
        self._modules = {}
        self._known = set()

    def find_spec(self, name, path=None, target=None):
        """Return what makes the module `name`, if its bytecode is there."""
        top = name.partition(".")[0]
        if top not in self._known:
            self._known.add(top)
            try:
                self._modules.update(loads(__spec__.loader.get_data(self._bytecode + top)))
            except OSError:  # not in the archive, or for this Python: the sources will do
                return None
        if name not in self._modules:
            return None
        is_package, _ = self._modules[name]
        place = self._source + name.replace(".", "/")
        spec = ModuleSpec(name, self, origin=place + ("/__init__.py" if is_package else ".py"), is_package=is_package)
        if is_package:
            spec.submodule_search_locations.append(place)
        spec.has_location = True
        return spec

    def create_module(self, spec):
        """Leave that to Python."""

    def exec_module(self, module):
        """Run the module's code."""
        exec(loads(self._modules.pop(module.__name__)[1]), module.__dict__)

    def get_data(self, path):
        """Return a file that stands beside the sources."""
        return __spec__.loader.get_data(path)


archive = sys.path[0]
# What the file was tested with, and nothing of what this machine has installed.
others = [place for place in sys.path[1:] if not place.endswith(("site-packages", "dist-packages"))]
sys.path[:] = [archive + "/source"] + others
sys.meta_path.insert(-1, Finder(archive))

from shuttle.__main__ import main

sys.exit(main())
