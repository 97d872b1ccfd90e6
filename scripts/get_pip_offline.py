"""Stands in for the pip installer that ansible-test downloads: the interpreter's own ensurepip, then what was asked for."""

import ensurepip
import os
import subprocess
import sys

environment = dict(os.environ)  # ensurepip points PIP_CONFIG_FILE at nothing; what follows must not inherit that
ensurepip.bootstrap(default_pip=True)
arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "-q", *arguments], env=environment))
