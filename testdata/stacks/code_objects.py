"""Stacks in code that did not come from a file: exec, eval, compile, lambdas, comprehensions."""

import sys
import types

from expect import allocate, finish

SCOPE = {"allocate": allocate}


def executed():
    exec("allocate('exec')", SCOPE)
    eval("allocate('eval')", SCOPE)
    exec("\n\ndef inner():\n    allocate('function of exec')\n\ninner()", dict(SCOPE))
    exec(compile("\nallocate('own file name')", "made up.py", "exec"), SCOPE)
    exec(compile("allocate('no file name')", "", "exec"), SCOPE)
    eval(compile("allocate('compiled eval')", "<expression>", "eval"), SCOPE)
    exec(compile("allocate('single')\n", "<single>", "single"), SCOPE)


def nested():
    exec("exec(\"exec('''allocate(\\\"nested exec\\\")''')\")", SCOPE)


def in_a_module():
    module = types.ModuleType("made")
    vars(module).update(SCOPE)
    source = "def f():\n    g()\n\ndef g():\n    allocate('made module')\n\nf()"
    exec(compile(source, "made/module.py", "exec"), vars(module))


def lambdas():
    (lambda: allocate("lambda"))()
    (lambda: (lambda: allocate("lambda in a lambda"))())()


def comprehensions():
    [allocate("list comprehension") for _ in range(1)]
    {allocate("set comprehension") for _ in range(1)}
    {1: allocate("dict comprehension") for _ in range(1)}
    [[allocate("nested comprehension") for _ in range(1)] for _ in range(1)]
    [allocate("condition") for _ in range(1) if allocate("in a condition") is None]


[allocate("comprehension of a module") for _ in range(1)]


class WithComprehension:
    values = [allocate("comprehension of a class") for _ in range(1)]


def replaced():
    """Functions whose code is exchanged for that of another, between calls and while it runs."""

    def other():
        allocate("code replaced")

    def victim():
        allocate("never called")

    victim.__code__ = other.__code__
    victim()


def running():
    running.__code__ = (lambda: None).__code__
    allocate("code replaced while it runs")


running()


def renamed():
    code = (lambda: allocate("renamed code")).__code__.replace(co_name="other_name", co_filename="other_file.py")
    if sys.version_info >= (3, 11):
        code = code.replace(co_qualname="Outer.other_name")
    exec(code, SCOPE)


def defaults_and_annotations():
    def with_default(one=allocate("default value")):
        pass

    with_default()


def interactive():
    import code

    code.InteractiveInterpreter(SCOPE).runsource("allocate('interactive')")


def main():
    executed()
    nested()
    in_a_module()
    lambdas()
    comprehensions()
    replaced()
    renamed()
    defaults_and_annotations()
    interactive()


main()
finish()
