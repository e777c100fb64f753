"""Stacks in class bodies and in what makes classes, and in modules that are being imported."""

import importlib
import importlib.util
import os
import runpy
import sys
import zipfile

from expect import allocate, finish


class Body:
    allocate("class body")

    class Nested:
        allocate("nested class body")

    def method(self):
        class Local:
            allocate("class body in a method")


class Meta(type):
    @classmethod
    def __prepare__(mcs, name, bases):
        allocate("__prepare__")
        return {}

    def __new__(mcs, name, bases, namespace):
        allocate("metaclass __new__")
        return super().__new__(mcs, name, bases, namespace)

    def __init__(cls, *arguments):
        allocate("metaclass __init__")
        super().__init__(*arguments)

    def __call__(cls):
        allocate("metaclass __call__")
        return super().__call__()


class Named:
    def __set_name__(self, owner, name):
        allocate("__set_name__")


class Base:
    def __init_subclass__(cls):
        allocate("__init_subclass__")

    def __class_getitem__(cls, item):
        allocate("__class_getitem__")


def decorator(cls):
    allocate("class decorator")
    return cls


def classes():
    class Made(metaclass=Meta):
        named = Named()

        def __new__(cls):
            allocate("__new__")
            return super().__new__(cls)

        def __init__(self):
            allocate("__init__")

    Made()

    @decorator
    class Derived(Base):
        pass

    Derived[0]
    Body().method()


FILES = {
    "package/__init__.py": "from expect import allocate\nallocate('package')\nfrom . import module\n",
    "package/module.py": """
from expect import allocate
allocate('module of a package')
from package.sub import name
def __getattr__(name):
    allocate('module __getattr__')
    return name
""",
    "package/sub/__init__.py": "from expect import allocate\nallocate('package in a package')\nfrom package import *\nname = 1\n",
    "plain.py": """
from expect import allocate
def f():
    import lazy
allocate('first import' if 'reloaded' not in globals() else 'reload')
reloaded = True
""",
    "lazy.py": "from expect import allocate\nallocate('import in a function')\n",
    "located.py": "from expect import allocate\nallocate('import by location')\n",
    "failing.py": "from expect import allocate\nallocate('failing import')\nraise KeyError\n",
    "dashed.py": "from expect import allocate\nallocate('run as main')\n",
}


def write_files():
    for path, source in FILES.items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w") as file:
            file.write(source)
    with zipfile.ZipFile("modules.zip", "w") as archive:
        archive.writestr("zipped.py", "from expect import allocate\n\nallocate('import from a zip file')\n")


def imports():
    import package

    package.module.missing
    plain = importlib.import_module("plain")
    plain.f()
    importlib.reload(plain)
    spec = importlib.util.spec_from_file_location("located", "located.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    try:
        __import__("failing")
    except KeyError:
        allocate("after a failing import")
    sys.path.insert(0, "modules.zip")
    import zipped

    runpy.run_module("dashed", run_name="__main__")
    return zipped


def compiled():
    """A module without its source: the file name is that of the source which it was compiled from."""
    import py_compile

    with open("gone.py", "w") as file:
        file.write("from expect import allocate\nallocate('import without source')\n")
    py_compile.compile("gone.py", cfile="gone.pyc")
    os.remove("gone.py")
    importlib.invalidate_caches()
    importlib.import_module("gone")


classes()
write_files()
sys.path.insert(0, "")
importlib.invalidate_caches()
imports()
compiled()
finish()
