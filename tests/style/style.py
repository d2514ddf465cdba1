# SPDX-License-Identifier: BSD-3-Clause
"""The look of the sources that clang-format does not see: licence line, sizes, guards, words."""
import ast
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib"))
from tools import checks, shell  # noqa: E402

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
PARAMETERS_MAX = 5
COLUMNS_MAX = 100
LICENCE = "SPDX-License-Identifier: BSD-3-Clause"
CODE = (".c", ".h", ".py", ".sh", ".build", ".txt", ".yaml", ".yml", ".js")
# Spelled in two halves, so that this list does not find itself.
UNFINISHED = "|".join(("TO" "DO", "FIX" "ME", r"\bX" r"XX\b", "HA" "CK", "not imple" "mented"))
OUTSIDE = "|".join((r"\.\./sha" "red", r"/wo" r"rk/", r"/fa" r"rm/", r"\bissue " r"\d+\b",
                    r"\.lib" r"rary\b"))


def is_code(path):
    return path.suffix in CODE or str(path).startswith(("scripts/", ".ci/"))


def check_licence(check, path, lines):
    first = lines[0] if lines else ""
    if first.startswith("#!"):
        first = lines[1] if len(lines) > 1 else ""
    if LICENCE not in first:
        check.problem(f"{path}: the first line does not say {LICENCE}")


def check_guard(check, path, text):
    name = str(path).removeprefix("include/tickwire/").upper()
    guard = "TICKWIRE_" + re.sub(r"[^A-Z0-9]", "_", name)
    if f"#ifndef {guard}\n#define {guard}\n" not in text:
        # simulation/shard/shard.h may say SIMULATION_SHARD: the folder's name once.
        short = re.sub(r"_([A-Z0-9]+)_\1_H$", r"_\1_H", guard)
        if f"#ifndef {short}\n#define {short}\n" not in text:
            check.problem(f"{path}: include guard is not {guard}")


def check_functions_c(check, path, lines):
    """A function body opens and closes with a brace in the first column."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start + 1 > FUNCTION_LINES_MAX:
                check.problem(f"{path}:{start}: function of {number - start + 1} lines")
            start = None


def count_parameters(text):
    """Of what stands between a function's parentheses, but for what a format takes."""
    text = re.sub(r",\s*\.\.\.$", "", text)
    depth, commas = 0, 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        commas += letter == "," and depth == 0
    return commas + 1


def check_parameters_c(check, path, lines):
    """Those that stand in for a library's function have that function's."""
    for number, line in enumerate(lines):
        first = number - 1
        while line == "{" and first > 0 and lines[first][:1] in (" ", "\t"):
            first -= 1
        head = re.sub(r"__attribute__\(\(.*?\)\)", "", " ".join(lines[first:number]))
        named = re.search(r"(\w+)\((.*)\)\s*$", head) if line == "{" else None
        count = count_parameters(named[2]) if named else 0
        if count > PARAMETERS_MAX and not named[1].startswith("__wrap_"):
            check.problem(f"{path}:{number}: {named[1]} has {count} parameters")


def check_functions_python(check, path, text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                check.problem(f"{path}:{node.lineno}: {node.name} has {lines} lines")


def main():
    licence = checks.Check("first line names the licence")
    size = checks.Check(f"no file above {FILE_LINES_MAX} lines")
    functions = checks.Check(f"no function above {FUNCTION_LINES_MAX} lines")
    parameters = checks.Check(f"no C function of more than {PARAMETERS_MAX} parameters")
    columns = checks.Check(f"no code line above {COLUMNS_MAX} columns")
    guards = checks.Check("include guards follow the path")
    words = checks.Check("no words of unfinished work")
    outside = checks.Check("nothing speaks of things outside the project")
    every = [licence, size, functions, parameters, columns, guards, words, outside]
    for path in shell.source_files():
        try:
            text = (shell.ROOT / path).read_text()
        except UnicodeDecodeError:
            continue  # a corpus file
        if "corpus" in path.parts:
            continue
        lines = text.splitlines()
        for number, line in enumerate(lines, 1):
            if re.search(UNFINISHED, line):
                words.problem(f"{path}:{number}: {line.strip()[:80]}")
            if re.search(OUTSIDE, line):
                outside.problem(f"{path}:{number}: {line.strip()[:80]}")
            if path.suffix in (".c", ".py", ".sh") and len(line) > COLUMNS_MAX:
                columns.problem(f"{path}:{number}: {len(line)} columns")
        if len(lines) > FILE_LINES_MAX:
            size.problem(f"{path}: {len(lines)} lines")
        if is_code(path):
            check_licence(licence, path, lines)
        if path.suffix == ".h":
            check_guard(guards, path, text)
        if path.suffix in (".c", ".h"):
            check_functions_c(functions, path, lines)
            check_parameters_c(parameters, path, lines)
        if path.suffix == ".py":
            check_functions_python(functions, path, text)
    return checks.tell_all(every)


if __name__ == "__main__":
    sys.exit(main())
