"""A service that is compatible with S3, moto's server, as a process; it checks signatures and rights."""

import atexit
import json
import socket
import subprocess
import sys
import tempfile
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from justchat.config.uploads import S3
from tests.support.waiting import block_until

BUCKET = "pictures"
REGION = "eu-central-1"
RIGHTS = ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject")
"""Those that docs/operating.rst asks for."""


class RunningS3:
    """The service, with a bucket and the keys of a user who may do RIGHTS with it."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="jc-")
        with socket.create_server(("127.0.0.1", 0)) as holder:
            self.port = holder.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        command = ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "moto.server", "-p", str(self.port)]
        log = Path(self.folder.name) / "log"
        with open(log, "wb") as opened:
            self.process = subprocess.Popen(command, stdout=opened, stderr=opened)
        atexit.register(self.end)
        block_until(self._accepts, lambda: f"moto's server: {log.read_text()[-2000:]}", 60)
        self.access_key, self.secret_key = self._prepare()

    def _accepts(self) -> bool:
        with socket.socket() as attempt:
            return attempt.connect_ex(("127.0.0.1", self.port)) == 0

    def _prepare(self) -> tuple[str, str]:
        iam = self.client("iam", "root", "root")
        iam.create_user(UserName="justchat")
        policy = {
            "Version": "2012-10-17",
            # moto has a right of its own for the request that Amazon allows with s3:ListBucket.
            "Statement": [{"Effect": "Allow", "Action": [*RIGHTS, "s3:HeadBucket"], "Resource": "*"}],
        }
        iam.put_user_policy(UserName="justchat", PolicyName="pictures", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName="justchat")["AccessKey"]
        self.client("s3", "root", "root").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        # From now on every request is checked.
        count = urllib.request.Request(
            f"{self.endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(count).close()
        return key["AccessKeyId"], key["SecretAccessKey"]

    def client(self, service: str, access_key: str, secret_key: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
        )

    def table(self, **changes: Any) -> dict[str, Any]:
        """The table ``[uploads.s3]`` for this service."""
        return {
            "endpoint": self.endpoint,
            "bucket": BUCKET,
            "region": REGION,
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            **changes,
        }

    def settings(self, **changes: Any) -> S3:
        return S3.model_validate(self.table(**changes))

    def names(self, prefix: str = "") -> list[str]:
        """What is in the bucket, by an SDK of Amazon's."""
        found = self.client("s3", self.access_key, self.secret_key).list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for each in found.get("Contents", [])]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


@cache
def shared_s3() -> RunningS3:
    """The service that tests share; they neither stop nor kill it, and each has a prefix of its own."""
    return RunningS3()
