"""Makes a wheel of the folder that scripts/release has filled: wheel.py STAGE OUT. Prints its path.

A wheel is a zip file with a list of what is in it (PEP 427). The library lies in share/ and not in lib/, as `pip install
--target` leaves files in lib/ behind; the program looks for it in both (build.rs).
"""

import base64
import hashlib
import pathlib
import platform
import re
import sys
import sysconfig
import zipfile

stage, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
version = re.search(r'^version = "(.+)"', pathlib.Path("Cargo.toml").read_text(), re.M).group(1)
machine = platform.machine()
if sys.platform == "darwin":
    tag = f"macosx_11_0_{machine}"
else:
    tag = f"manylinux_2_28_{machine}"
name = f"ingestr_gorgias-{version}"
info, data = f"{name}.dist-info", f"{name}.data"
doc = stage / "share/doc/ingestr"

metadata = f"""Metadata-Version: 2.4
Name: ingestr-gorgias
Version: {version}
Summary: Copies a Gorgias help desk into an analytics database; later runs copy what changed
License-Expression: MIT OR Apache-2.0
License-File: LICENSE-MIT
License-File: LICENSE-APACHE
License-File: THIRD-PARTY.txt
Keywords: gorgias,duckdb,bigquery,postgresql,ducklake,parquet,sqlite,elt
Classifier: Environment :: Console
Classifier: Intended Audience :: Developers
Classifier: Programming Language :: Rust
Classifier: Topic :: Database
Requires-Python: >=3.8
Description-Content-Type: text/markdown

{(doc / "README.md").read_text()}"""
files = {
    f"{data}/scripts/ingestr": (stage / "bin/ingestr").read_bytes(),
    f"{data}/data/share/man/man1/ingestr.1": (stage / "share/man/man1/ingestr.1").read_bytes(),
    f"{info}/METADATA": metadata.encode(),
    f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: ingestr ({version})\nRoot-Is-Purelib: false\nTag: py3-none-{tag}\n".encode(),
}
for library in (stage / "lib/ingestr").glob("libduckdb.*"):
    files[f"{data}/data/share/ingestr/{library.name}"] = library.read_bytes()
for licence in ["LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY.txt"]:
    files[f"{info}/licenses/{licence}"] = (doc / licence).read_bytes()
record = ""
for path, content in files.items():
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    record += f"{path},sha256={digest},{len(content)}\n"
files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()

out.mkdir(parents=True, exist_ok=True)
wheel = out / f"{name}-py3-none-{tag}.whl"
for old in out.glob("*.whl"):
    old.unlink()
with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for path, content in files.items():
        # The same bytes whenever it is made.
        entry = zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = (0o100755 if "/scripts/" in path else 0o100644) << 16
        archive.writestr(entry, content)
print(wheel)
