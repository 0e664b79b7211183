#!/usr/bin/env python3
"""Walks the operations of AWS Data Exchange with the AWS CLI on a fresh server, as a
person at a shell would, and checks what it prints and what arrives in a bucket. Those of
data grants are walked by a CLI that has them, Debian's has not.

The endpoint, region and keys come from the environment (AWS_ENDPOINT_URL,
AWS_DEFAULT_REGION, ...), the folder of the buckets too (HEDDLE_TEST_BUCKETS); compat/run
sets them. Calls that do not depend on each other run side by side: each start of the CLI
takes a second.
"""

import base64
import hashlib
import json
import os
import pathlib
import sys
import urllib.request

import shell
from shell import together

walk = shell.Walk("dataexchange")
aws, refused, equal = walk.aws, walk.refused, walk.equal

BUCKETS = pathlib.Path(os.environ["HEDDLE_TEST_BUCKETS"])
PREFIX = f"arn:aws:dataexchange:{os.environ['AWS_DEFAULT_REGION']}:123456789012:"
OTHER = os.environ["HEDDLE_TEST_ACCOUNT"]  # the server's other account, and the profile of its keys
NAMES = ("--name", "prices", "--description", "of everything", "--asset-type", "S3_SNAPSHOT")
PATTERN = "${Revision.CreatedAt.Year}/${Asset.Name}"
BODY = b"by a signed URL"


def action(bucket, **more):
    return ("--action", json.dumps({"ExportRevisionToS3": {"RevisionDestination": {"Bucket": bucket}, **more}}))


def create_job(of, kind, name, **details):
    return aws("create-job", "--type", kind, "--details", json.dumps({name: {**of, **details}}))


def ends(job, state="COMPLETED"):
    """Waits for the end of a job that was started."""
    for _ in range(30):
        if (got := aws("get-job", "--job-id", job["Id"]))["State"] not in ("WAITING", "IN_PROGRESS"):
            break
    equal(got["State"], state, f"state of the job {got}")
    return got


def finish(job, state="COMPLETED"):
    aws("start-job", "--job-id", job["Id"])
    return ends(job, state)


def signed_upload(of):
    digest = base64.b64encode(hashlib.md5(BODY).digest()).decode()
    job = create_job(of, "IMPORT_ASSET_FROM_SIGNED_URL", "ImportAssetFromSignedUrl", AssetName="signed.txt", Md5Hash=digest)
    put = urllib.request.Request(job["Details"]["ImportAssetFromSignedUrl"]["SignedUrl"], data=BODY, method="PUT", headers={"Content-MD5": digest})
    equal(urllib.request.urlopen(put).status, 200, "an upload by a signed URL")
    return finish(job)


def bucket_upload(of):
    return finish(create_job(of, "IMPORT_ASSETS_FROM_S3", "ImportAssetsFromS3", AssetSources=[{"Bucket": "cli-source", "Key": "a.csv"}]))


def signed_download(of, asset):
    job = finish(create_job(of, "EXPORT_ASSET_TO_SIGNED_URL", "ExportAssetToSignedUrl", AssetId=asset))
    return urllib.request.urlopen(job["Details"]["ExportAssetToSignedUrl"]["SignedUrl"]).read()


def publishes(data_set, revision):
    """What is published arrives in the bucket of an event action."""
    flags = ("--data-set-id", data_set, "--revision-id", revision)
    of = {"DataSetId": data_set, "RevisionId": revision}
    event = ("--event", json.dumps({"RevisionPublished": {"DataSetId": data_set}}))
    made, keyless, nowhere, *_ = together(
        (aws, "create-event-action", *event, *action("cli-target", Encryption={"Type": "AES256"}, RevisionDestination={"Bucket": "cli-target", "KeyPattern": PATTERN})),
        (refused, "create-event-action", *event, *action("cli-target", Encryption={"Type": "aws:kms"})),
        (refused, "create-event-action", *event, *action("no-such-bucket")),
        (signed_upload, of),
        (bucket_upload, of),
    )
    equal((made["Action"], made["Event"], made["Arn"], made["UpdatedAt"]), (
        {"ExportRevisionToS3": {"Encryption": {"Type": "AES256"}, "RevisionDestination": {"Bucket": "cli-target", "KeyPattern": PATTERN}}},
        {"RevisionPublished": {"DataSetId": data_set}}, PREFIX + "event-actions/" + made["Id"], made["CreatedAt"]), "create-event-action")
    equal(keyless, ("ValidationException", "KmsKeyArn is required for aws:kms."), "create-event-action without a key")
    equal(nowhere[0], "ValidationException", "create-event-action for no bucket")
    assets = aws("list-revision-assets", *flags, "--page-size", "1")["Assets"]  # the CLI fetches all pages
    equal([a["Name"] for a in assets], ["signed.txt", "a.csv"], "list-revision-assets")
    asset = ("--asset-id", assets[0]["Id"])
    got, renamed, text, _ = together(
        (aws, "get-asset", *flags, *asset),
        (aws, "update-asset", *flags, "--asset-id", assets[1]["Id"], "--name", "dir/a.csv"),
        (signed_download, of, assets[0]["Id"]),
        (cancels, of),
    )
    equal(got["AssetDetails"], {"S3SnapshotAsset": {"Size": len(BODY)}}, "get-asset")
    equal(renamed["Name"], "dir/a.csv", "update-asset")
    equal(text, BODY, "a download by a signed URL")
    published = aws("update-revision", *flags, "--finalized")
    jobs = [j for j in aws("list-jobs", "--data-set-id", data_set)["Jobs"] if "ExportRevisionsToS3" in j["Details"]]
    equal([j["Details"]["ExportRevisionsToS3"]["EventActionArn"] for j in jobs], [made["Arn"]], "list-jobs")
    ends(jobs[0])
    for key, body in (("signed.txt", BODY), ("dir/a.csv", b"one,two\n")):
        equal((BUCKETS / "cli-target" / published["CreatedAt"][:4] / key).read_bytes(), body, "what was published")
    return made, flags, asset


def cancels(of):
    job = create_job(of, "IMPORT_ASSETS_FROM_S3", "ImportAssetsFromS3", AssetSources=[{"Bucket": "cli-source", "Key": "a.csv"}])
    aws("cancel-job", "--job-id", job["Id"])
    equal(refused("start-job", "--job-id", job["Id"])[0], "ConflictException", "start-job of one that was cancelled")


def grants(data_set):
    """The server's other account accepts a data grant, and has what it was shown until it is taken back."""
    receiver = ("--profile", OTHER)
    grant = aws("create-data-grant", "--name", "g", "--grant-distribution-scope", "NONE", "--receiver-principal", OTHER, "--source-data-set-id", data_set, "--tags", "k=v")
    of, named, shown = ("--data-grant-arn", grant["Arn"], *receiver), ("--data-grant-id", grant["Id"]), ("--data-set-id", grant["DataSetId"], *receiver)
    received, given, early = together(
        (aws, "list-received-data-grants", *receiver),
        (aws, "get-data-grant", *named),
        (refused, "get-data-set", *shown),
    )
    equal([(g["Arn"], g["AcceptanceState"]) for g in received["DataGrantSummaries"]], [(grant["Arn"], "PENDING_RECEIVER_ACCEPTANCE")], "list-received-data-grants")
    equal((given["Tags"], given["ReceiverPrincipal"], given["SourceDataSetId"]), ({"k": "v"}, OTHER, data_set), "get-data-grant")
    equal(early[0], "ResourceNotFoundException", "get-data-set before the grant is accepted")
    equal(aws("accept-data-grant", *of)["AcceptanceState"], "ACCEPTED", "accept-data-grant")
    own, listed, entitled, sets = together(
        (aws, "get-received-data-grant", *of),
        (aws, "list-data-grants"),
        (aws, "get-data-set", *shown),
        (aws, "list-data-sets", "--origin", "ENTITLED", *receiver),
    )
    equal(own["SenderPrincipal"], PREFIX.split(":")[4], "get-received-data-grant")
    equal([(g["Id"], g["AcceptanceState"]) for g in listed["DataGrantSummaries"]], [(grant["Id"], "ACCEPTED")], "list-data-grants")
    equal((entitled["Origin"], entitled["OriginDetails"]), ("ENTITLED", {"DataGrantId": grant["Id"]}), "get-data-set of what is shown")
    equal([d["Id"] for d in sets["DataSets"]], [grant["DataSetId"]], "list-data-sets of what is shown")
    aws("delete-data-grant", *named)
    equal(refused("get-data-set", *shown)[0], "ResourceNotFoundException", "get-data-set after the grant was deleted")


def retags(arn):
    aws("tag-resource", "--resource-arn", arn, "--tags", "k=v,gone=x")
    aws("untag-resource", "--resource-arn", arn, "--tag-keys", "gone")
    return aws("list-tags-for-resource", "--resource-arn", arn)


def main():
    for name in ("cli-source", "cli-target"):
        (BUCKETS / name).mkdir(exist_ok=True)
    (BUCKETS / "cli-source" / "a.csv").write_bytes(b"one,two\n")
    data_set = aws("create-data-set", *NAMES, "--tags", "team=blue")
    equal((data_set["Arn"], data_set["Origin"], data_set["Tags"]), (PREFIX + "data-sets/" + data_set["Id"], "OWNED", {"team": "blue"}), "create-data-set")
    where = ("--data-set-id", data_set["Id"])
    revision, draft = together(*[(aws, "create-revision", *where, "--comment", "c")] * 2)
    made, flags, asset = publishes(data_set["Id"], revision["Id"])
    event_action = ("--event-action-id", made["Id"])
    tags, sets, revisions, updated, finalized, _, listed, read = together(
        (retags, data_set["Arn"]),
        (aws, "list-data-sets", "--origin", "OWNED"),
        (aws, "list-data-set-revisions", *where),
        (aws, "update-data-set", *where, "--description", "of some things"),
        (refused, "delete-asset", *flags, *asset),
        (aws, "update-event-action", *event_action, *action("cli-source")),
        (aws, "list-event-actions", "--event-source-id", data_set["Id"]),
        (aws, "revoke-revision", *flags, "--revocation-comment", "these were wrong"),
    )
    equal(tags, {"Tags": {"k": "v", "team": "blue"}}, "list-tags-for-resource")
    equal([d["Id"] for d in sets["DataSets"]], [data_set["Id"]], "list-data-sets")
    equal(sorted(r["Id"] for r in revisions["Revisions"]), sorted([revision["Id"], draft["Id"]]), "list-data-set-revisions")
    equal(updated["Description"], "of some things", "update-data-set")
    equal(finalized[0], "ConflictException", "delete-asset of a finalized revision")
    equal([e["Id"] for e in listed["EventActions"]], [made["Id"]], "list-event-actions")
    equal((read["Revoked"], read["RevocationComment"]), (True, "these were wrong"), "revoke-revision")
    changed, got, described, *_ = together(
        (aws, "get-event-action", *event_action),
        (aws, "get-revision", *flags),
        (aws, "get-data-set", *where),
        (aws, "delete-asset", *flags, *asset),
        (aws, "delete-revision", *where, "--revision-id", draft["Id"]),
    )
    equal(changed["Action"], {"ExportRevisionToS3": {"RevisionDestination": {"Bucket": "cli-source"}}}, "update-event-action")
    equal((got["Revoked"], got["RevokedAt"]), (True, read["RevokedAt"]), "get-revision")
    equal(described["Description"], "of some things", "get-data-set")
    if knows := walk.knows("create-data-grant"):
        grants(data_set["Id"])
    else:
        print("this CLI has no commands of data grants")
    together((aws, "delete-event-action", *event_action), (aws, "delete-data-set", *where))
    equal(refused("get-data-set", *where)[0], "ResourceNotFoundException", "get-data-set of one that was deleted")
    walk.ends(35 if knows else 28)


if __name__ == "__main__":
    sys.exit(main())
