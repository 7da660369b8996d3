"""A Containerfile held against this tree, where no image can be built: container.py CONTAINERFILE COMPOSE_FILE

Each path that is copied from outside exists; each that is copied from another stage was put there; the cargo command line
works, in the dev profile, and makes the program that is copied on; and that program takes the arguments it is started with.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

containerfile, compose = sys.argv[1:]


def require(holds, what):
    if not holds:
        sys.exit(f"{containerfile}: {what}")


def starts(program, arguments):
    """--help comes last: what is before it has been read by then."""
    said = subprocess.run([program, *arguments, "--help"], capture_output=True, text=True)
    require(said.returncode == 0, f"{arguments} is not taken: {said.stderr}")


made, program, started, entry = set(), None, [], []
for line in Path(containerfile).read_text().splitlines():
    word, _, rest = line.partition(" ")
    words = shlex.split(rest) if word in ("RUN", "COPY") else []
    if word == "COPY" and words[0].startswith("--from="):
        require(words[1] in made, f"{words[1]} is copied, but no RUN has put it there")
    elif word == "COPY":
        for path in words[:-1]:
            require(Path(path).exists(), f"{path} is copied, but is not in the repository")
    elif word == "RUN" and words[0] == "cargo":
        end = words.index("&&")
        cargo = [argument for argument in words[:end] if argument != "--release"]
        require(subprocess.run(cargo).returncode == 0, f"{shlex.join(cargo)} fails")
        copied = re.fullmatch(r"cp target/release/(\S+) (\S+)", shlex.join(words[end + 1 :]))
        require(copied, "expected cargo build … && cp target/release/PROGRAM PATH")
        program = Path(os.environ.get("CARGO_TARGET_DIR", "target"), "debug", copied[1])
        require(program.exists(), f"cargo makes no {copied[1]}")
        made.add(copied[2])
    elif word in ("ENTRYPOINT", "CMD"):
        arguments = json.loads(rest)
        entry, arguments = (arguments[1:], []) if word == "ENTRYPOINT" else (entry, arguments)
        started.append(entry + arguments)

require(program and len(started) == 3, "expected a program and two ENTRYPOINT, the second with a CMD")
# The official daemon's arguments, as a task definition has them, come behind the first.
started.append([*started[0], "-o", "-n", "eu-west-1", "-log-level", "warn"])
# The last stage is what Compose builds.
started.append(yaml.safe_load(Path(compose).read_text())["services"]["xrc"]["command"])
for arguments in started:
    starts(program, arguments)
