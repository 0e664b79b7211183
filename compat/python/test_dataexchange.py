"""Drives Data Exchange of a running server with unmodified boto3, as AWS documents it: a
provider publishes a revision, and it arrives in a bucket; every operation is called, and
faults arrive as the exceptions that boto3 makes of the service's model. Then servers are
killed in the midst of imports and exports.

The endpoint, region and keys come from the environment (AWS_ENDPOINT_URL,
AWS_DEFAULT_REGION, ...), the folder of the buckets (HEDDLE_TEST_BUCKETS) and the program
(HEDDLE_BINARY) too; compat/run sets them. Nothing but boto3 is needed.
"""

import base64
import datetime
import hashlib
import json
import os
import pathlib
import random
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

from exchange import ACCOUNT, Server, called, client, export_to, exported, finish, imported, wait

NOWHERE = "0" * 32
BUCKETS = pathlib.Path(os.environ["HEDDLE_TEST_BUCKETS"])
OTHER = "111122223333"
OFFERED = {
    # Refused by this server, as docs/WIRE.md says.
    "SendApiAsset", "SendDataSetNotification",
}


def files(folder):
    """The objects of a bucket: all files but those in which the server keeps what else it knows."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and "%heddle" not in p.parts}


class DataExchange(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dx = client()
        for name in ("source", "target", "other"):
            (BUCKETS / name).mkdir(exist_ok=True)
        (BUCKETS / "source" / "dir").mkdir(exist_ok=True)
        (BUCKETS / "source" / "a.csv").write_bytes(b"one,two\n")
        (BUCKETS / "source" / "dir" / "b.csv").write_bytes(b"three\n")

    def data_set(self, **more):
        return self.dx.create_data_set(Name="prices", Description="of everything", AssetType="S3_SNAPSHOT", **more)

    def test_published(self):
        """What CreateEventAction promises: a published revision arrives in the bucket."""
        dx = self.dx
        data_set = self.data_set()
        began = datetime.datetime.now(datetime.timezone.utc)
        made = dx.create_event_action(
            Action={"ExportRevisionToS3": {
                "Encryption": {"Type": "AES256"},
                "RevisionDestination": {"Bucket": "target", "KeyPattern": "${Revision.CreatedAt.Year}/${Revision.Id}/${Asset.Name}"}}},
            Event={"RevisionPublished": {"DataSetId": data_set["Id"]}})
        self.assertEqual(made["ResponseMetadata"]["HTTPStatusCode"], 201)
        self.assertEqual(made["Action"]["ExportRevisionToS3"]["RevisionDestination"]["Bucket"], "target")
        self.assertEqual(made["Event"], {"RevisionPublished": {"DataSetId": data_set["Id"]}})
        self.assertEqual(made["Arn"], f"arn:aws:dataexchange:us-east-1:{ACCOUNT}:event-actions/{made['Id']}")
        self.assertLess(abs((made["CreatedAt"] - began).total_seconds()), 60)
        self.assertEqual(made["CreatedAt"], made["UpdatedAt"])
        self.assertTrue((BUCKETS / "target" / f"_ADX-TEST-{ACCOUNT}").exists())

        revision = dx.create_revision(DataSetId=data_set["Id"], Comment="first")
        job = imported(dx, data_set["Id"], revision["Id"], "source", "a.csv", "dir/b.csv")
        self.assertEqual(job["State"], "COMPLETED", job)
        dx.update_revision(DataSetId=data_set["Id"], RevisionId=revision["Id"], Finalized=True)
        details = exported(dx, data_set["Id"], 1)[0]["Details"]["ExportRevisionsToS3"]
        self.assertEqual((details["EventActionArn"], details["Encryption"]), (made["Arn"], {"Type": "AES256"}))
        year = revision["CreatedAt"].year
        arrived = files(BUCKETS / "target")
        self.assertEqual(arrived[f"{year}/{revision['Id']}/a.csv"], b"one,two\n")
        self.assertEqual(arrived[f"{year}/{revision['Id']}/dir/b.csv"], b"three\n")

    def test_sentences(self):
        """What else the manual says of CreateEventAction: what is required, the key of KMS, who may not."""
        dx, data_set = self.dx, self.data_set()["Id"]
        destination, event = {"Bucket": "target"}, {"RevisionPublished": {"DataSetId": data_set}}
        kms = {"Type": "aws:kms", "KmsKeyArn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"}
        action = {"ExportRevisionToS3": {"Encryption": kms, "RevisionDestination": destination}}
        made = dx.create_event_action(Action=action, Event=event)
        self.assertEqual(sorted(made), ["Action", "Arn", "CreatedAt", "Event", "Id", "ResponseMetadata", "UpdatedAt"])
        self.assertEqual(made["Action"], action)
        got = dx.get_event_action(EventActionId=made["Id"])
        del made["ResponseMetadata"], got["ResponseMetadata"]
        self.assertEqual(got, made)
        unchecked = boto3.client("dataexchange", config=Config(retries={"total_max_attempts": 1}, parameter_validation=False))
        for wrong in (
            {"Event": event}, {"Action": action},
            {"Action": {"ExportRevisionToS3": {"Encryption": kms}}, "Event": event},
            {"Action": {"ExportRevisionToS3": {"RevisionDestination": {"KeyPattern": "${Asset.Name}"}}}, "Event": event},
            {"Action": {"ExportRevisionToS3": {"RevisionDestination": destination, "Encryption": {"KmsKeyArn": kms["KmsKeyArn"]}}}, "Event": event},
            {"Action": action, "Event": {"RevisionPublished": {}}},
        ):
            with self.assertRaises(unchecked.exceptions.ValidationException, msg=wrong):
                unchecked.create_event_action(**wrong)
        iam = boto3.client("iam")
        iam.create_user(UserName="reader")
        iam.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["dataexchange:Get*", "dataexchange:CreateEventAction"], "Resource": "*"}]}))
        key = iam.create_access_key(UserName="reader")["AccessKey"]
        reader = boto3.client("dataexchange", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
        with self.assertRaises(reader.exceptions.AccessDeniedException) as refused:  # whoever may not write into a bucket has nobody else do it
            reader.create_event_action(Action=action, Event=event)
        self.assertIn("s3:PutObject on resource: arn:aws:s3:::target/*", refused.exception.response["Error"]["Message"])
        with self.assertRaises(reader.exceptions.AccessDeniedException):
            reader.delete_event_action(EventActionId=made["Id"])
        dx.delete_event_action(EventActionId=made["Id"])

    def test_event_actions_are_refused(self):
        dx, data_set = self.dx, self.data_set()["Id"]
        event = {"RevisionPublished": {"DataSetId": data_set}}

        def action(**more):
            return {"ExportRevisionToS3": {"RevisionDestination": {"Bucket": "target"}, **more}}
        with self.assertRaises(dx.exceptions.ValidationException):  # KmsKeyArn is required for aws:kms
            dx.create_event_action(Action=action(Encryption={"Type": "aws:kms"}), Event=event)
        with self.assertRaises(dx.exceptions.ValidationException):
            dx.create_event_action(Action={}, Event={})
        with self.assertRaises(dx.exceptions.ValidationException) as refused:
            dx.create_event_action(Action={"ExportRevisionToS3": {"RevisionDestination": {"Bucket": "no-such-bucket"}}}, Event=event)
        self.assertEqual(refused.exception.response.get("ExceptionCause"), "S3AccessDenied")
        for _ in range(5):
            dx.create_event_action(Action=action(), Event=event)
        with self.assertRaises(dx.exceptions.ServiceLimitExceededException) as refused:
            dx.create_event_action(Action=action(), Event=event)
        self.assertEqual(refused.exception.response["LimitName"], "Auto export event actions per data set")
        self.assertEqual(refused.exception.response["LimitValue"], 5)
        with self.assertRaises(dx.exceptions.ResourceNotFoundException) as refused:
            dx.get_event_action(EventActionId=NOWHERE)
        self.assertEqual(refused.exception.response["ResourceType"], "EVENT_ACTION")
        ids = [e["Id"] for page in dx.get_paginator("list_event_actions").paginate(EventSourceId=data_set, PaginationConfig={"PageSize": 2}) for e in page["EventActions"]]
        self.assertEqual(len(ids), 5)
        dx.update_event_action(EventActionId=ids[0], Action={"ExportRevisionToS3": {"RevisionDestination": {"Bucket": "other"}}})
        self.assertEqual(dx.get_event_action(EventActionId=ids[0])["Action"]["ExportRevisionToS3"]["RevisionDestination"], {"Bucket": "other"})
        for one in ids:
            dx.delete_event_action(EventActionId=one)

    def test_revisions_in_the_order_of_terraform(self):
        """Data set, revision, assets by a signed URL and from a bucket, finalized; opened again, and destroyed."""
        dx = self.dx
        data_set = self.data_set(Tags={"team": "blue"})
        arn = data_set["Arn"]
        self.assertEqual(dx.list_tags_for_resource(ResourceArn=arn)["Tags"], {"team": "blue"})
        dx.tag_resource(ResourceArn=arn, Tags={"stage": "test"})
        dx.untag_resource(ResourceArn=arn, TagKeys=["team"])
        self.assertEqual(dx.get_data_set(DataSetId=data_set["Id"])["Tags"], {"stage": "test"})
        self.assertEqual(dx.update_data_set(DataSetId=data_set["Id"], Description="of some things")["Description"], "of some things")
        ids = [d["Id"] for page in dx.get_paginator("list_data_sets").paginate(Origin="OWNED") for d in page["DataSets"]]
        self.assertIn(data_set["Id"], ids)

        where = {"DataSetId": data_set["Id"]}
        revision = dx.create_revision(Comment="c", **where)
        of = {**where, "RevisionId": revision["Id"]}
        body = os.urandom(3 << 20)
        digest = base64.b64encode(hashlib.md5(body).digest()).decode()
        job = dx.create_job(Type="IMPORT_ASSET_FROM_SIGNED_URL", Details={"ImportAssetFromSignedUrl": {"AssetName": "./dir/f.bin", "Md5Hash": digest, **of}})
        put = urllib.request.Request(job["Details"]["ImportAssetFromSignedUrl"]["SignedUrl"], data=body, method="PUT",
                                     headers={"Content-MD5": digest, "Content-Type": "application/octet-stream", "Provider-Version": "1"})
        self.assertEqual(urllib.request.urlopen(put).status, 200)
        self.assertEqual(finish(dx, job)["State"], "COMPLETED")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(put)
        self.assertEqual(refused.exception.code, 403)
        self.assertEqual(imported(dx, data_set["Id"], revision["Id"], "source", "a.csv")["State"], "COMPLETED")
        failed = imported(dx, data_set["Id"], revision["Id"], "source", "no-such-key")
        self.assertEqual(failed["State"], "ERROR")
        self.assertEqual(failed["Errors"][0]["Code"], "RESOURCE_NOT_FOUND_EXCEPTION")
        assets = dx.list_revision_assets(**of)["Assets"]
        self.assertEqual([a["Name"] for a in assets], ["a.csv", "./dir/f.bin"])
        self.assertEqual(dx.update_asset(AssetId=assets[0]["Id"], Name="b.csv", **of)["Name"], "b.csv")
        self.assertEqual(dx.get_asset(AssetId=assets[1]["Id"], **of)["AssetDetails"]["S3SnapshotAsset"]["Size"], len(body))

        self.assertTrue(dx.update_revision(Finalized=True, **of)["Finalized"])
        for refused in (
            lambda: dx.delete_asset(AssetId=assets[0]["Id"], **of), lambda: dx.delete_revision(**of), lambda: dx.update_revision(Comment="d", **of),
            lambda: imported(dx, data_set["Id"], revision["Id"], "source", "a.csv"),
        ):
            with self.assertRaises(dx.exceptions.ConflictException) as conflict:
                refused()
            self.assertIn(conflict.exception.response["ResourceType"], ("REVISION", "ASSET"))
        job = finish(dx, dx.create_job(Type="EXPORT_ASSET_TO_SIGNED_URL", Details={"ExportAssetToSignedUrl": {"AssetId": assets[1]["Id"], **of}}))
        url = job["Details"]["ExportAssetToSignedUrl"]["SignedUrl"]
        self.assertEqual(urllib.request.urlopen(url).read(), body)
        part = urllib.request.Request(url, headers={"Range": "bytes=10-19"})
        self.assertEqual(urllib.request.urlopen(part).read(), body[10:20])
        job = finish(dx, dx.create_job(Type="EXPORT_ASSETS_TO_S3", Details={"ExportAssetsToS3": {
            "AssetDestinations": [{"AssetId": assets[1]["Id"], "Bucket": "other", "Key": "x/y.bin"}], "Encryption": {"Type": "AES256"}, **of}}))
        self.assertEqual(job["State"], "COMPLETED", job)
        self.assertEqual(files(BUCKETS / "other")["x/y.bin"], body)

        dx.revoke_revision(RevocationComment="these were wrong", **of)
        self.assertTrue(dx.get_revision(**of)["Revoked"])
        with self.assertRaises(dx.exceptions.ConflictException):
            dx.create_job(Type="EXPORT_ASSET_TO_SIGNED_URL", Details={"ExportAssetToSignedUrl": {"AssetId": assets[1]["Id"], **of}})
        dx.delete_asset(AssetId=assets[0]["Id"], **of)
        waiting = dx.create_revision(**where)
        job = dx.create_job(Type="IMPORT_ASSETS_FROM_S3", Details={"ImportAssetsFromS3": {
            "AssetSources": [{"Bucket": "source", "Key": "a.csv"}], **where, "RevisionId": waiting["Id"]}})
        dx.cancel_job(JobId=job["Id"])
        with self.assertRaises(dx.exceptions.ConflictException):
            dx.start_job(JobId=job["Id"])
        self.assertEqual([r["Id"] for r in dx.list_data_set_revisions(**where)["Revisions"]], [waiting["Id"], revision["Id"]])
        dx.delete_revision(**where, RevisionId=waiting["Id"])
        dx.update_revision(Finalized=False, **of)
        dx.delete_revision(**of)
        dx.delete_data_set(**where)
        with self.assertRaises(dx.exceptions.ResourceNotFoundException) as gone:
            dx.get_data_set(**where)
        self.assertEqual((gone.exception.response["ResourceId"], gone.exception.response["ResourceType"]), (data_set["Id"], "DATA_SET"))

    def test_grants(self):
        """A provider and a receiver, on a server that is killed after each step: the receiver's bucket fills, and what is taken back is gone."""
        if not hasattr(self.dx, "create_data_grant"):
            self.skipTest("this boto3 knows no grants")
        with self.assertRaises(self.dx.exceptions.ValidationException):
            self.dx.create_data_grant(Name="g", GrantDistributionScope="NONE", ReceiverPrincipal=OTHER, SourceDataSetId=self.data_set()["Id"])
        folder = pathlib.Path(tempfile.mkdtemp(dir=BUCKETS.parent))
        buckets = folder / "buckets"
        for name in ("source", f"@{OTHER}/target"):
            (buckets / name).mkdir(parents=True)
        for name in ("first", "second"):
            (buckets / "source" / name).write_text(name)
        server = Server(folder / "data", "--buckets", str(buckets), "--accounts", OTHER)
        self.addCleanup(server.kill)
        provider = server.start()

        def crash():
            nonlocal provider
            server.kill()
            provider = server.start()
            return server.client(OTHER)

        def publish(name):
            of = {"DataSetId": source, "RevisionId": provider.create_revision(DataSetId=source, Comment=name)["Id"]}
            self.assertEqual(imported(provider, source, of["RevisionId"], "source", name)["State"], "COMPLETED")
            for _ in range(600):
                try:
                    return provider.update_revision(Finalized=True, **of)
                except provider.exceptions.ConflictException:  # the import is over when its account knows
                    time.sleep(0.05)
            raise AssertionError("the import does not end")

        source = provider.create_data_set(Name="prices", Description="of everything", AssetType="S3_SNAPSHOT")["Id"]
        publish("first")
        grant = provider.create_data_grant(Name="g", GrantDistributionScope="NONE", ReceiverPrincipal=OTHER, SourceDataSetId=source, Tags={"k": "v"})
        receiver = crash()
        self.assertEqual(provider.get_data_grant(DataGrantId=grant["Id"])["Tags"], {"k": "v"})
        received = receiver.list_received_data_grants(AcceptanceState=["PENDING_RECEIVER_ACCEPTANCE"])["DataGrantSummaries"]
        self.assertEqual([(g["Arn"], g["DataSetId"]) for g in received], [(grant["Arn"], grant["DataSetId"])])
        with self.assertRaises(receiver.exceptions.ResourceNotFoundException):
            receiver.get_data_set(DataSetId=grant["DataSetId"])
        self.assertEqual(receiver.accept_data_grant(DataGrantArn=grant["Arn"])["AcceptanceState"], "ACCEPTED")
        receiver = crash()
        self.assertEqual([g["AcceptanceState"] for g in provider.list_data_grants()["DataGrantSummaries"]], ["ACCEPTED"])
        self.assertEqual(receiver.get_received_data_grant(DataGrantArn=grant["Arn"])["SenderPrincipal"], ACCOUNT)
        shown = receiver.list_data_sets(Origin="ENTITLED")["DataSets"]
        self.assertEqual([(d["Id"], d["Arn"], d["OriginDetails"]["DataGrantId"]) for d in shown],
                         [(grant["DataSetId"], f"arn:aws:dataexchange:us-east-1::data-sets/{grant['DataSetId']}", grant["Id"])])
        receiver.create_event_action(Action=export_to("target", "${Revision.Id}/${Asset.Name}"), Event={"RevisionPublished": {"DataSetId": grant["DataSetId"]}})
        publish("second")
        receiver = crash()
        for _ in range(600):
            jobs = receiver.list_jobs(DataSetId=grant["DataSetId"])["Jobs"]
            if jobs and jobs[0]["State"] == "COMPLETED":
                break
            time.sleep(0.05)
        revision = receiver.list_data_set_revisions(DataSetId=grant["DataSetId"])["Revisions"][0]
        arrived = files(buckets / f"@{OTHER}" / "target")
        arrived.pop(f"_ADX-TEST-{OTHER}")
        self.assertEqual((len(jobs), arrived), (1, {f"{revision['Id']}/second": b"second"}))
        with self.assertRaises(provider.exceptions.ConflictException):
            provider.delete_data_set(DataSetId=source)
        provider.delete_data_grant(DataGrantId=grant["Arn"])
        receiver = crash()
        for gone in (lambda: receiver.get_data_set(DataSetId=grant["DataSetId"]), lambda: receiver.get_received_data_grant(DataGrantArn=grant["Arn"])):
            with self.assertRaises(receiver.exceptions.ResourceNotFoundException):
                gone()
        provider.delete_data_set(DataSetId=source)
        self.assertEqual(server.stop(), "")

    def test_zz_every_operation(self):
        offered = set(self.dx.meta.service_model.operation_names) - OFFERED
        self.assertEqual(offered - called, set())


class Killed(unittest.TestCase):
    """kill -9 at random moments of an import, of a publication and of its exports: in the end
    every object is there, with its bytes, each event action has one job, and the store is whole."""

    def test_killed(self):
        seed = int(os.environ.get("HEDDLE_TEST_SEED", random.randrange(1 << 30)))
        chance = random.Random(seed)
        folder = pathlib.Path(tempfile.mkdtemp(dir=BUCKETS.parent))
        buckets = folder / "buckets"
        for name in ("source", "target"):
            (buckets / name).mkdir(parents=True)
        server = Server(folder / "data", "--buckets", str(buckets))
        self.addCleanup(server.kill)
        dx = server.start()
        want = {}
        for i in range(90):
            want[f"k{i:03}"] = chance.randbytes(chance.choice((0, 10, 5_000, 400_000)))
        want["large"] = chance.randbytes(70 << 20)
        for key, body in want.items():
            (buckets / "source" / key).write_bytes(body)

        def crash():
            nonlocal dx
            time.sleep(chance.random() * 0.4)
            server.kill()
            dx = server.start()
        data_set = dx.create_data_set(Name="n", Description="d", AssetType="S3_SNAPSHOT")["Id"]
        patterns = {"plain/": "plain/${Asset.Name}", "dated/": "dated/${DataSet.Id}/${Asset.Name}"}
        for pattern in patterns.values():
            dx.create_event_action(Action=export_to("target", pattern), Event={"RevisionPublished": {"DataSetId": data_set}})
        revision = dx.create_revision(DataSetId=data_set)["Id"]
        job = dx.create_job(Type="IMPORT_ASSETS_FROM_S3", Details={"ImportAssetsFromS3": {
            "DataSetId": data_set, "RevisionId": revision, "AssetSources": [{"Bucket": "source", "Key": key} for key in want]}})["Id"]
        dx.start_job(JobId=job)
        for _ in range(3):
            crash()
        self.assertEqual(wait(dx, job)["State"], "COMPLETED", f"seed {seed}")
        dx.update_revision(DataSetId=data_set, RevisionId=revision, Finalized=True)
        for _ in range(5):
            crash()
        exported(dx, data_set, 2)
        arrived = files(buckets / "target")
        arrived.pop(f"_ADX-TEST-{ACCOUNT}")
        expected = {f"plain/{key}": body for key, body in want.items()} | {f"dated/{data_set}/{key}": body for key, body in want.items()}
        self.assertEqual(sorted(arrived), sorted(expected), f"seed {seed}")
        for key, body in expected.items():
            self.assertTrue(arrived[key] == body, f"seed {seed}: {key} has other bytes")
        self.assertEqual(server.stop(), "", f"seed {seed}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
