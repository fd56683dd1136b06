"""The beginning of the single file. An old Python must be able to read it, too, to say that it is too old."""

import sys

if sys.version_info < (3, 11):
    sys.stderr.write("log-shuttle: needs Python 3.11 or later, not %d.%d\n" % sys.version_info[:2])
    sys.exit(1)

from importlib.machinery import ModuleSpec
from importlib.util import MAGIC_NUMBER
from marshal import loads


class Finder(object):
    """Finds modules by their bytecode, all of which is one entry of the archive."""

    def __init__(self, modules, source):
        self._modules = modules
        self._source = source

    def find_spec(self, name, path=None, target=None):
        """Return what makes the module `name`, if its bytecode is there."""
        if name not in self._modules:
            return None
        is_package, _ = self._modules[name]
        place = self._source + "/" + name.replace(".", "/")
        spec = ModuleSpec(name, self, origin=place + ("/__init__.py" if is_package else ".py"), is_package=is_package)
        if is_package:
            spec.submodule_search_locations.append(place)
        spec.has_location = True
        return spec

    def create_module(self, spec):
        """Leave that to Python."""

    def exec_module(self, module):
        """Run the module's code."""
        _, code = self._modules.pop(module.__name__)
        exec(loads(code), module.__dict__)


archive = sys.path[0]
# What the file was tested with, and nothing of what this machine has installed.
others = [place for place in sys.path[1:] if not place.endswith(("site-packages", "dist-packages"))]
sys.path[:] = [archive + "/source"] + others
try:
    bytecode = __loader__.get_data(archive + "/bytecode/" + MAGIC_NUMBER.hex())
except OSError:  # another Python than those it was built for: the sources will do
    pass
else:
    sys.meta_path.insert(-1, Finder(loads(bytecode), archive + "/source"))
    del bytecode

from shuttle.__main__ import main

sys.exit(main())
