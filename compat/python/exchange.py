"""What tests of Data Exchange share: jobs, and servers of their own, to be killed."""

import configparser
import os
import subprocess
import tempfile
import time

import boto3
from botocore.config import Config

ACCOUNT, REGION = "123456789012", "us-east-1"

called = set()  # operations that answered with success


def client(**more):
    """A client that never tries again."""
    made = boto3.client("dataexchange", region_name=REGION, config=Config(retries={"total_max_attempts": 1}), **more)

    def note(parsed, model, **_):
        if parsed["ResponseMetadata"]["HTTPStatusCode"] < 300:
            called.add(model.name)
    made.meta.events.register("after-call.dataexchange", note)
    return made


def finish(dx, job):
    """Starts a job, waits for its end and gives it."""
    dx.start_job(JobId=job["Id"])
    return wait(dx, job["Id"])


def wait(dx, job):
    for _ in range(600):
        got = dx.get_job(JobId=job)
        if got["State"] not in ("WAITING", "IN_PROGRESS"):
            return got
        time.sleep(0.05)
    raise AssertionError(f"the job does not end: {got}")


def imported(dx, data_set, revision, bucket, *keys):
    return finish(dx, dx.create_job(Type="IMPORT_ASSETS_FROM_S3", Details={"ImportAssetsFromS3": {
        "DataSetId": data_set, "RevisionId": revision, "AssetSources": [{"Bucket": bucket, "Key": key} for key in keys]}}))


def exported(dx, data_set, actions):
    """Waits until each of so many event actions has exported something, and gives their jobs."""
    for _ in range(1200):
        jobs = [j for j in dx.list_jobs(DataSetId=data_set)["Jobs"] if "EventActionArn" in j["Details"].get("ExportRevisionsToS3", {})]
        if len(jobs) == actions and all(j["State"] == "COMPLETED" for j in jobs):
            return jobs
        time.sleep(0.05)
    raise AssertionError(f"{actions} event actions do not export: {jobs}")


def export_to(bucket, pattern, **more):
    """The action of an event action."""
    return {"ExportRevisionToS3": {"RevisionDestination": {"Bucket": bucket, "KeyPattern": pattern}, **more}}


class Server:
    """A server with its data in a folder."""

    def __init__(self, data, *flags, **environment):
        self.data, self.flags, self.environment = data, flags, {**os.environ, **environment}
        self.port, self.process, self.said = None, None, tempfile.TemporaryFile("w+")  # what it logs

    def start(self):
        """Starts it, at the port that it had before, and gives a client."""
        self.process = subprocess.Popen(
            [os.environ["HEDDLE_BINARY"], "serve", "--listen", f"127.0.0.1:{self.port or 0}", "--data", str(self.data), "--dx-owned-event-actions", *self.flags],
            env=self.environment, stdout=subprocess.PIPE, stderr=self.said, text=True)
        for line in self.process.stdout:
            if " listens on " in line:
                self.url = line.split(" listens on ")[1].split()[0]
                self.port = self.url.rsplit(":", 1)[1]
                return self.client("default")
        self.said.seek(0)
        raise AssertionError("the server does not start: " + "".join(self.said.readlines()[-5:]))

    def client(self, profile):
        """A client of the root user of an account."""
        profiles = configparser.ConfigParser()
        profiles.read(self.data / "credentials")
        pair = profiles[profile]
        return client(endpoint_url=self.url, aws_access_key_id=pair["aws_access_key_id"], aws_secret_access_key=pair["aws_secret_access_key"])

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def stop(self):
        """Ends it in order, and gives what heddle check finds wrong: nothing."""
        self.process.terminate()
        ended = self.process.wait()
        self.process.stdout.close()
        check = subprocess.run([os.environ["HEDDLE_BINARY"], "check", "--data", str(self.data)], capture_output=True, text=True)
        return "" if ended == 0 and check.returncode == 0 else f"ended with {ended}; {check.stdout}{check.stderr}"
