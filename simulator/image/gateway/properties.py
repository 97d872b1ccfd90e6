"""The Java machine's system properties, as IBC prints them at start."""

from __future__ import annotations

import os

from .commandline import CommandLine

_RULE = "-" * 60


def dump(java: CommandLine) -> list[str]:
    zone = os.environ.get("TZ", "Etc/UTC")
    system = os.uname()
    values = {
        "java.specification.version": "17",
        "java.class.path": java.class_path,
        "user.timezone": zone,
        "os.name": system.sysname,
        "user.country": "US",
        "sun.java.command": " ".join([java.main_class, *java.arguments]),
        "user.home": os.environ.get("HOME", ""),
        "user.language": "en",
        "file.separator": "/",
        "line.separator": "\n",
        "java.specification.name": "Java Platform API Specification",
        "java.runtime.version": "17.0.10+13",
        "user.name": "ibgateway",
        "path.separator": ":",
        "os.version": system.release,
        "java.runtime.name": "OpenJDK Runtime Environment",
        "file.encoding": "ANSI_X3.4-1968",
        "java.io.tmpdir": "/tmp",
        "java.version": "17.0.10",
        "user.dir": os.getcwd(),
        "os.arch": "amd64" if system.machine == "x86_64" else system.machine,
        "java.class.version": "61.0",
        **java.properties,
    }
    return ["System Properties", _RULE, *(f"{name} = {value}" for name, value in values.items()), _RULE]
