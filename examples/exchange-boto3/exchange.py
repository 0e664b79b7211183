#!/usr/bin/env python3
"""A data exchange: a provider publishes its prices, once a day; a receiver's bucket
fills by itself.

    python3 examples/exchange-boto3/exchange.py               three days, of two seconds each
    python3 examples/exchange-boto3/exchange.py --wrong 2     the second day's prices were wrong, and are revoked

The server must have buckets in a folder, and a bucket for the receiver in it:

    mkdir -p buckets/prices
    go run ./cmd/heddle serve --buckets buckets --dx-owned-event-actions

Needs Python 3.10 and boto3.
"""

import argparse
import base64
import hashlib
import os
import pathlib
import sys
import threading
import time
import urllib.request
from datetime import date, timedelta

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

KEY_PATTERN = "${DataSet.Id}/${Asset.Name}"


# --- The provider -------------------------------------------------------------


class Provider:
    """Publishes a revision of its data set for each day, with two assets."""

    def __init__(self, dx):
        self.dx = dx
        self.data_set = dx.create_data_set(Name="prices", Description="of books and lamps", AssetType="S3_SNAPSHOT")["Id"]

    def publish(self, day):
        """Uploads the files of a day, and publishes them together: who receives them gets
        all of them, or nothing yet."""
        revision = self.dx.create_revision(DataSetId=self.data_set, Comment=f"prices of {day}")["Id"]
        for kind, price in ("books", 12.5), ("lamps", 30):
            self.upload(revision, f"{day}/{kind}.csv", f"item,price\n{kind},{price + day.day / 10:.2f}\n".encode())
        self.dx.update_revision(DataSetId=self.data_set, RevisionId=revision, Finalized=True)
        print(f"provider   published {day}", flush=True)
        return revision

    def upload(self, revision, name, body):
        """Brings an asset into a revision: its bytes go to a signed URL, before the job is started."""
        digest = base64.b64encode(hashlib.md5(body).digest()).decode()
        job = self.dx.create_job(Type="IMPORT_ASSET_FROM_SIGNED_URL", Details={"ImportAssetFromSignedUrl": {
            "DataSetId": self.data_set, "RevisionId": revision, "AssetName": name, "Md5Hash": digest}})
        url = job["Details"]["ImportAssetFromSignedUrl"]["SignedUrl"]
        urllib.request.urlopen(urllib.request.Request(url, data=body, method="PUT", headers={"Content-MD5": digest}))
        self.dx.start_job(JobId=job["Id"])
        await_end(self.dx, job["Id"])

    def revoke(self, revision):
        self.dx.revoke_revision(DataSetId=self.data_set, RevisionId=revision, RevocationComment="The prices were those of the day before.")
        print("provider   revoked what it has published last", flush=True)


def await_end(dx, job):
    """Waits until a job has ended; one that has failed ends the program."""
    while (got := dx.get_job(JobId=job))["State"] in ("WAITING", "IN_PROGRESS"):
        time.sleep(0.1)
    if got["State"] != "COMPLETED":
        sys.exit(f"job {job}: {got['State']}: {got.get('Errors')}")


# --- The receiver -------------------------------------------------------------


class Receiver:
    """Has what is published put into its bucket. Nothing of it need run when that happens:
    what it does then is to look."""

    def __init__(self, dx, data_set, bucket):
        self.dx, self.data_set = dx, data_set
        self.event_action = dx.create_event_action(
            Action={"ExportRevisionToS3": {
                "RevisionDestination": {"Bucket": bucket, "KeyPattern": KEY_PATTERN}, "Encryption": {"Type": "AES256"}}},
            Event={"RevisionPublished": {"DataSetId": data_set}})
        self.exported = threading.Semaphore(0)

    def watch(self):
        """Tells of each job that the event action has made, as it ends."""
        told = set()
        while True:
            for job in reversed(self.dx.list_jobs(DataSetId=self.data_set)["Jobs"]):
                details = job["Details"].get("ExportRevisionsToS3", {})
                if details.get("EventActionArn") != self.event_action["Arn"] or job["Id"] in told or job["State"] in ("WAITING", "IN_PROGRESS"):
                    continue
                told.add(job["Id"])
                revision = self.dx.get_revision(DataSetId=self.data_set, RevisionId=details["RevisionDestinations"][0]["RevisionId"])
                print(f"receiver   {job['State']}: {revision['Comment']}", flush=True)
                self.exported.release()
            time.sleep(0.1)


# --- Both ---------------------------------------------------------------------


def new_client():
    """A client of the server that the environment names, by default of one on this machine."""
    os.environ.setdefault("AWS_SHARED_CREDENTIALS_FILE", "heddle-data/credentials")
    return boto3.client(
        "dataexchange",
        endpoint_url=os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:7930"),
        region_name=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", "us-east-1"),
        config=Config(retries={"mode": "standard"}),
    )


def main():
    parser = argparse.ArgumentParser(description="Publishes data, and receives it in a bucket.")
    parser.add_argument("--days", type=int, default=3, help="how many days the provider publishes (default 3)")
    parser.add_argument("--day", type=float, default=2, help="how many seconds a day has (default 2)")
    parser.add_argument("--wrong", type=int, help="the day whose prices are revoked")
    parser.add_argument("--buckets", default="buckets", help="the folder that the server has buckets in (default buckets)")
    asked = parser.parse_args()

    # Each would have an account of its own: they know each other by the data set alone.
    provider = Provider(new_client())
    receiver = Receiver(new_client(), provider.data_set, "prices")
    threading.Thread(target=receiver.watch, daemon=True).start()

    for n in range(asked.days):
        revision = provider.publish(date.today() + timedelta(n))
        receiver.exported.acquire()
        if n + 1 == asked.wrong:
            provider.revoke(revision)
        time.sleep(asked.day)

    print("\nthe bucket")
    bucket = pathlib.Path(asked.buckets) / "prices" / provider.data_set
    for path in sorted(bucket.rglob("*.csv")):
        print(f"  {path.relative_to(bucket)}  {path.read_text().split()[1]}")


if __name__ == "__main__":
    try:
        main()
    except (BotoCoreError, ClientError) as refusal:
        sys.exit(str(refusal))
