"""The archive in S3 by its endpoint: versitygw (HEDDLE_TEST_VERSITYGW), which verifies each
signature, or else moto_server. A place that can't be written is told at once; what closes while the
server is killed again and again is there in the end, each execution once, and gone from the server.
The backup into S3 that docs/OPERATING.md shows is done, too, and put back.

HEDDLE_BINARY and versitygw come from the environment; compat/run sets them. Nothing but boto3 is
needed.
"""

import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from exchange import REGION, Server

KEYS = {"aws_access_key_id": "gatewayroot", "aws_secret_access_key": "gatewayrootsecret"}
ONCE = {"total_max_attempts": 1}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class ArchiveInS3(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, port = pathlib.Path(folder.name), free_port()
        (self.folder / "objects").mkdir()
        (self.folder / "about").mkdir()
        versity = os.environ.get("HEDDLE_TEST_VERSITYGW")
        command = [shutil.which("moto_server") or "moto_server", "-H", "127.0.0.1", "-p", str(port)]
        if versity:
            command = [versity, "--port", f"127.0.0.1:{port}", "--access", KEYS["aws_access_key_id"], "--secret", KEYS["aws_secret_access_key"],
                       "--region", REGION, "--quiet", "posix", "--sidecar", str(self.folder / "about"), str(self.folder / "objects")]
        self.verifies = bool(versity)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.s3_url = f"http://127.0.0.1:{port}"
        self.s3 = boto3.client("s3", endpoint_url=self.s3_url, region_name=REGION, config=Config(s3={"addressing_style": "path"}, retries=ONCE), **KEYS)
        self.until("S3 answers", self.answers)

    def answers(self):
        try:
            return self.s3.list_buckets()
        except (BotoCoreError, ClientError):
            return None

    def until(self, what, there):
        for _ in range(600):
            found = there()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError("not yet: " + what)

    def heddle(self, *args):
        return subprocess.run([os.environ["HEDDLE_BINARY"], *args], env={**os.environ, "HEDDLE_ARCHIVE_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"],
                                                                                 "HEDDLE_BACKUP_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"]},
                              capture_output=True, text=True)

    def stats(self):
        return self.heddle("stats", "--endpoint", self.server.url, "--data", str(self.server.data)).stdout

    def archived(self):
        listed = self.heddle("archive", "list", "s3://histories/heddle", "--archive-endpoint", self.s3_url, "--archive-access-key", KEYS["aws_access_key_id"])
        self.assertEqual(listed.returncode, 0, listed.stderr)
        return [line.split('"')[3] for line in listed.stdout.splitlines()]

    def serve(self, secret):
        self.server = Server(self.folder / "data", "--archive", "s3://histories/heddle", "--archive-every", "1s", "--archive-endpoint", self.s3_url,
                             "--archive-access-key", KEYS["aws_access_key_id"], "--retention-grace", "0s", HEDDLE_ARCHIVE_SECRET_ACCESS_KEY=secret)
        self.addCleanup(self.server.kill)
        self.server.start()

    def swf(self):
        session = boto3.Session(profile_name="default")
        return session.client("swf", endpoint_url=self.server.url, region_name=REGION, config=Config(retries=ONCE, read_timeout=20))

    def back_up(self):
        """Does the backup into S3 that docs/OPERATING.md shows, twice, and puts it back."""
        page = (pathlib.Path(__file__).parents[2] / "docs" / "OPERATING.md").read_text()
        shown = next(line for line in page.splitlines() if line.startswith("heddle backup s3://"))
        self.s3.create_bucket(Bucket="backups")
        there = ["--s3-endpoint", self.s3_url, "--s3-access-key", KEYS["aws_access_key_id"]]
        line = shown.replace("https://s3.example.com", self.s3_url).replace("/var/lib/heddle", str(self.folder / "data")).split()[1:]
        for _ in range(2):
            done = self.heddle(*line, *there[2:], "--endpoint", self.server.url)
            self.assertEqual(done.returncode, 0, done.stderr)
        listed = self.heddle("restore", "s3://backups/heddle", "--list", *there)
        self.assertEqual((listed.returncode, len(listed.stdout.strip().splitlines())), (0, 2), listed.stderr + listed.stdout)
        (self.folder / "again").mkdir(mode=0o700)
        shutil.copy(self.folder / "data" / "root.key", self.folder / "again" / "root.key")  # the backup is without
        put = self.heddle("restore", "s3://backups/heddle", "--data", str(self.folder / "again"), *there)
        self.assertEqual(put.returncode, 0, put.stderr)
        checked = self.heddle("check", "--data", str(self.folder / "again"))
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_archive(self):
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(self.folder / "data" / "credentials")
        if self.verifies:  # moto does not
            self.s3.create_bucket(Bucket="histories")
            self.serve("another")
            self.until("a wrong secret is told", lambda: "! it can't be written" in self.stats() and "SignatureDoesNotMatch" in self.stats())
            self.s3.delete_bucket(Bucket="histories")
            self.server.kill()
        self.serve(KEYS["aws_secret_access_key"])
        self.until("a bucket that is not there is told", lambda: "NoSuchBucket" in self.stats())
        self.s3.create_bucket(Bucket="histories")
        self.until("it can be written", lambda: "! it" not in self.stats())

        swf = self.swf()
        swf.register_domain(name="shop", workflowExecutionRetentionPeriodInDays="0")
        swf.register_workflow_type(domain="shop", name="order", version="1", defaultTaskList={"name": "none"}, defaultChildPolicy="TERMINATE",
                                   defaultExecutionStartToCloseTimeout="3600", defaultTaskStartToCloseTimeout="NONE")
        closed = 0
        for kill in range(4):
            random.seed(kill)
            until = closed + random.randrange(50, 150)
            while closed < until:
                swf.start_workflow_execution(domain="shop", workflowId=f"order-{closed}", workflowType={"name": "order", "version": "1"})
                swf.terminate_workflow_execution(domain="shop", workflowId=f"order-{closed}")
                closed += 1
            if kill < 3:
                self.server.kill()
                self.server.start()
                swf = self.swf()
        want = sorted(f"order-{n}" for n in range(closed))
        got = self.until("all are archived", lambda: (lambda ids: ids if len(ids) >= closed else None)(self.archived()))
        self.assertEqual(sorted(got), want)
        there = {"domain": "shop", "startTimeFilter": {"oldestDate": 0}}
        self.until("all are deleted", lambda: not swf.list_closed_workflow_executions(**there)["executionInfos"])
        if "NODES_BINARY" not in os.environ:  # the backups of a cluster are PostgreSQL's
            self.back_up()
        self.assertEqual(self.server.stop(), "")
        objects = self.s3.list_objects_v2(Bucket="histories")["Contents"]
        print(f"{closed} executions in {len(objects)} objects, 3 kills")


if __name__ == "__main__":
    unittest.main()
