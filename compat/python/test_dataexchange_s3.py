"""Data Exchange with S3 by its endpoint: versitygw, another's server, which verifies each
signature and has bucket policies, as a process of its own. Between both stands a gate that
notes each request, and can hold some back.

The programs come from the environment: HEDDLE_BINARY, and HEDDLE_TEST_VERSITYGW; compat/run
sets them. Nothing but boto3 is needed.
"""

import collections
import http.client
import http.server
import json
import os
import pathlib
import random
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from exchange import ACCOUNT, REGION, Server, export_to, exported, finish, imported, wait

ROOT = {"aws_access_key_id": "gatewayroot", "aws_secret_access_key": "gatewayrootsecret"}
HEDDLE = {"aws_access_key_id": "heddle", "aws_secret_access_key": "heddlesecret"}
MIB = 1 << 20  # Heddle sends parts of 8 of them


class Gate(http.server.ThreadingHTTPServer):
    """Passes requests on as they are, and notes them: method, key, query, headers and status. What is held is
    dropped in the end."""

    daemon_threads = True

    def __init__(self, to):
        super().__init__(("127.0.0.1", 0), Passing)
        self.to, self.lock, self.noted = to, threading.Condition(), []
        self.holds, self.dropping = lambda method, key, query: False, False
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, address):
        pass  # a killed server closes its connections

    def note(self, *request):
        with self.lock:
            self.noted.append(request)
            self.lock.notify_all()

    def hold(self, holds):
        with self.lock:
            self.holds, self.dropping = holds, False

    def drop(self):
        """Drops what is held; from now on all passes."""
        with self.lock:
            self.holds, self.dropping = lambda *_: False, True
            self.lock.notify_all()

    def until(self, there):
        """Waits until what was noted is as it should become."""
        with self.lock:
            if not self.lock.wait_for(lambda: there(self.noted), 60):
                raise AssertionError(f"what was to come did not: {self.noted[-5:]}")

    def sent(self, method, key, parameter=None):
        """What was noted of successes with a method and a key, and a parameter if one is given."""
        with self.lock:
            return [n for n in self.noted if n[0] == method and n[1] == key and (parameter is None or parameter in n[2]) and n[4] == 200]


class Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do(self):
        path, _, query = self.path.partition("?")
        key, query = urllib.parse.unquote(path.lstrip("/")), dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        gate = self.server
        with gate.lock:
            if gate.holds(self.command, key, query):
                gate.lock.wait_for(lambda: gate.dropping)
                self.close_connection = True
                return
        there = http.client.HTTPConnection("127.0.0.1", gate.to, timeout=60)
        there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("expect", "connection"):
                there.putheader(name, value)
        there.endheaders(body)
        answer = there.getresponse()
        data = answer.read()
        gate.note(self.command, key, query, dict(self.headers), answer.status)
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        there.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class DataExchangeInS3(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        for name in ("objects", "about", "iam"):
            (cls.folder / name).mkdir()
        program, port = os.environ["HEDDLE_TEST_VERSITYGW"], free_port()
        root = ("--access", ROOT["aws_access_key_id"], "--secret", ROOT["aws_secret_access_key"])
        cls.s3_process = subprocess.Popen(
            [program, "--port", f"127.0.0.1:{port}", *root, "--region", REGION, "--iam-dir", str(cls.folder / "iam"), "--quiet",
             "posix", "--sidecar", str(cls.folder / "about"), str(cls.folder / "objects")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(cls.s3_process.wait)
        cls.addClassCleanup(cls.s3_process.kill)
        cls.url = f"http://127.0.0.1:{port}"
        cls.s3 = cls.client(**ROOT)
        for _ in range(300):
            try:
                cls.s3.list_buckets()
                break
            except Exception:
                time.sleep(0.1)
        subprocess.run([program, "admin", *root, "--endpoint-url", cls.url, "create-user", "--access", HEDDLE["aws_access_key_id"],
                        "--secret", HEDDLE["aws_secret_access_key"], "--role", "user"], check=True, stdout=subprocess.DEVNULL)
        for name in ("source", "target", "closed"):
            cls.s3.create_bucket(Bucket=name)
        for name in ("source", "target"):
            cls.permit(name)
        cls.gate = Gate(port)
        cls.addClassCleanup(cls.gate.server_close)
        cls.addClassCleanup(cls.gate.shutdown)
        cls.heddle = Server(cls.folder / "data", "--s3-endpoint", cls.gate.url, "--s3-region", REGION, "--s3-access-key", HEDDLE["aws_access_key_id"],
                            HEDDLE_S3_SECRET_ACCESS_KEY=HEDDLE["aws_secret_access_key"])
        cls.addClassCleanup(cls.heddle.kill)
        cls.dx = cls.heddle.start()

    @classmethod
    def tearDownClass(cls):
        wrong = cls.heddle.stop()
        if wrong:
            raise AssertionError(wrong)

    @classmethod
    def client(cls, **keys):
        return boto3.client("s3", endpoint_url=cls.url, region_name=REGION, config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}), **keys)

    @classmethod
    def permit(cls, bucket):
        cls.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": [HEDDLE["aws_access_key_id"]]}, "Action": "s3:*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}]}))

    def put(self, **objects):
        for key, body in objects.items():
            self.s3.put_object(Bucket="source", Key=key, Body=body, ContentType="text/x-test")

    def revision(self):
        """A revision of a data set of its own."""
        data_set = self.dx.create_data_set(Name="n", Description="d", AssetType="S3_SNAPSHOT")["Id"]
        return data_set, self.dx.create_revision(DataSetId=data_set)["Id"]

    def body(self, key, bucket="target"):
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def test_signatures_are_verified(self):
        with self.assertRaises(ClientError) as refused:
            self.client(aws_access_key_id="heddle", aws_secret_access_key="another").get_object(Bucket="source", Key="k")
        self.assertEqual(refused.exception.response["Error"]["Code"], "SignatureDoesNotMatch")

    def test_event_action(self):
        """What is imported from S3 and published arrives in S3, with its type, as asked to be encrypted: a large object by its upload alone."""
        dx, (data_set, revision) = self.dx, self.revision()
        large, key = random.randbytes(20 * MIB), f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"
        self.put(small=b"one,two\n", empty=b"", large=large)
        encryptions = {"plain/": {}, "aes/": {"Encryption": {"Type": "AES256"}}, "kms/": {"Encryption": {"Type": "aws:kms", "KmsKeyArn": key}}}
        for prefix, encryption in encryptions.items():
            dx.create_event_action(Action=export_to("target", prefix + "${Asset.Name}", **encryption), Event={"RevisionPublished": {"DataSetId": data_set}})
        job = imported(dx, data_set, revision, "source", "small", "empty", "large")
        self.assertEqual(job["State"], "COMPLETED", job)
        dx.update_revision(DataSetId=data_set, RevisionId=revision, Finalized=True)
        exported(dx, data_set, len(encryptions))
        for prefix, encryption in encryptions.items():
            for name, body in {"small": b"one,two\n", "empty": b"", "large": large}.items():
                self.assertTrue(self.body(prefix + name) == body, prefix + name)
                self.assertEqual(self.s3.head_object(Bucket="target", Key=prefix + name)["ContentType"], "text/x-test")
                puts, begun = self.gate.sent("PUT", f"target/{prefix}{name}"), self.gate.sent("POST", f"target/{prefix}{name}", "uploads")
                parts = [p for p in puts if "partNumber" in p[2]]
                self.assertEqual((len(puts), len(parts), len(begun)), (3, 3, 1) if name == "large" else (1, 0, 0), prefix + name)
                want = encryption.get("Encryption", {})
                for request in begun or puts:  # of an upload its begin alone says it
                    headers = {k.lower(): v for k, v in request[3].items()}
                    self.assertEqual(headers.get("x-amz-server-side-encryption"), want.get("Type"))
                    self.assertEqual(headers.get("x-amz-server-side-encryption-aws-kms-key-id"), want.get("KmsKeyArn"))
                for part in parts:
                    self.assertFalse([h for h in part[3] if "encryption" in h.lower()])

    def test_denied(self):
        """What S3 refuses is the error of the job or of the call; an event action goes on as soon as it may."""
        dx, (data_set, revision) = self.dx, self.revision()
        self.put(denied=b"d")
        event = {"RevisionPublished": {"DataSetId": data_set}}
        for bucket in ("closed", "no-such-bucket"):
            with self.assertRaises(dx.exceptions.ValidationException) as refused:
                dx.create_event_action(Action=export_to(bucket, "${Asset.Name}"), Event=event)
            self.assertEqual(refused.exception.response["ExceptionCause"], "S3AccessDenied")
            job = imported(dx, data_set, revision, bucket, "denied")
            self.assertEqual((job["State"], job["Errors"][0]["Code"]), ("ERROR", "ACCESS_DENIED_EXCEPTION"), job)
            self.assertEqual(job["Errors"][0]["Details"]["ImportAssetsFromS3JobErrorDetails"], [{"Bucket": bucket, "Key": "denied"}])
        self.assertEqual(imported(dx, data_set, revision, "source", "denied")["State"], "COMPLETED")
        job = finish(dx, dx.create_job(Type="EXPORT_REVISIONS_TO_S3", Details={"ExportRevisionsToS3": {
            "DataSetId": data_set, "RevisionDestinations": [{"RevisionId": revision, "Bucket": "closed"}]}}))
        self.assertEqual((job["State"], job["Errors"][0]["Code"], job["Errors"][0]["ResourceType"]), ("ERROR", "ACCESS_DENIED_EXCEPTION", "ASSET"), job)
        self.assertIn("AccessDenied", job["Errors"][0]["Message"])

        dx.create_event_action(Action=export_to("target", "late/${Asset.Name}"), Event=event)
        self.s3.delete_bucket_policy(Bucket="target")
        self.addCleanup(self.permit, "target")
        before = len(self.gate.noted)
        dx.update_revision(DataSetId=data_set, RevisionId=revision, Finalized=True)
        self.gate.until(lambda noted: any(n[1] == "target/late/denied" and n[4] == 403 for n in noted[before:]))
        self.permit("target")
        exported(dx, data_set, 1)
        self.assertEqual(self.body("late/denied"), b"d")

    def test_killed_in_an_upload(self):
        """kill -9 when two of an upload's three parts have arrived: the next server sends the third alone."""
        dx, (data_set, revision) = self.dx, self.revision()
        body, key = random.randbytes(20 * MIB), "target/killed/upload"
        self.put(upload=body)
        self.assertEqual(imported(dx, data_set, revision, "source", "upload")["State"], "COMPLETED")
        let = threading.Semaphore(2)
        self.gate.hold(lambda method, k, query: k == key and "partNumber" in query and not let.acquire(blocking=False))
        dx.create_event_action(Action=export_to("target", "killed/${Asset.Name}"), Event={"RevisionPublished": {"DataSetId": data_set}})
        dx.update_revision(DataSetId=data_set, RevisionId=revision, Finalized=True)
        self.gate.until(lambda noted: sum(n[1] == key and "partNumber" in n[2] and n[4] == 200 for n in noted) == 2)
        self.heddle.kill()
        self.gate.drop()
        type(self).dx = dx = self.heddle.start()
        exported(dx, data_set, 1)
        self.assertTrue(self.body("killed/upload") == body)
        self.assertEqual(len(self.gate.sent("POST", key, "uploads")), 1)
        parts = collections.Counter(p[2]["partNumber"] for p in self.gate.sent("PUT", key, "partNumber"))
        self.assertEqual(parts, {"1": 1, "2": 1, "3": 1})


if __name__ == "__main__":
    unittest.main(verbosity=2)
