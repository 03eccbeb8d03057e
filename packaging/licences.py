"""Prints the licences of everything that is compiled in, with their texts, each text once."""

import json
import pathlib
import subprocess
import sys

features = ["--features", sys.argv[1]] if len(sys.argv) > 1 and sys.argv[1] else []


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], check=True, capture_output=True, text=True).stdout


lines = cargo("tree", "--locked", "--package", "ingestr", "--edges", "normal", "--prefix", "none",
              "--format", "{p}", *features).splitlines()
# `name v1.2.3 (/path)` or `name v1.2.3 (*)`.
inside = {tuple(line.split()[:2]) for line in lines if line.strip()}
packages = json.loads(cargo("metadata", "--locked", "--format-version", "1"))["packages"]
texts = {}
print("ingestr is made of these parts, each under its own licence. Texts follow.\n")
for package in sorted(packages, key=lambda package: (package["name"], package["version"])):
    if (package["name"], "v" + package["version"]) not in inside or package["name"] == "ingestr":
        continue
    print(f"{package['name']} {package['version']}: {package['license'] or 'see its text'}")
    folder = pathlib.Path(package["manifest_path"]).parent
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE")):
            text = path.read_text(encoding="utf-8", errors="replace").strip()
            texts.setdefault(text, []).append(package["name"])
print("DuckDB (libduckdb): MIT")
print("SQLite: public domain")
for text, names in sorted(texts.items(), key=lambda item: item[1]):
    print("\n" + "-" * 100 + "\n" + ", ".join(dict.fromkeys(names)) + "\n\n" + text)
print("\n" + "-" * 100 + """
DuckDB

Copyright 2018-2026 Stichting DuckDB Foundation

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software
is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES
OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE
LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR
IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.""")
