// Drives Data Exchange of a running server with the AWS SDK for JavaScript, unmodified: a
// provider publishes, and what is published arrives in a bucket; every operation is called,
// with faults as the SDK's own exceptions. The endpoint, region and keys come from the
// environment (AWS_ENDPOINT_URL, AWS_REGION, ...), the folder of the buckets too
// (HEDDLE_TEST_BUCKETS); compat/run sets them.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import * as sdk from "@aws-sdk/client-dataexchange";

const called = new Set();

// client makes a client, which notes what succeeds.
function client(more = {}) {
  const made = new sdk.DataExchangeClient({ maxAttempts: 1, ...more });
  made.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      called.add(context.commandName.replace(/Command$/, ""));
      return result;
    },
    { step: "initialize" },
  );
  return made;
}
const dx = client();

// callBy sends a command of a client by its operation's name; call does it by ours.
const callBy = (by, operation, input = {}) => by.send(new sdk[operation + "Command"](input));
const call = (operation, input) => callBy(dx, operation, input);

// refused expects a fault, as the SDK's own class, with some of its members.
const refused = (fault, members, operation, input) => refusedBy(dx, fault, members, operation, input);
async function refusedBy(by, fault, members, operation, input) {
  await assert.rejects(callBy(by, operation, input), (e) => {
    assert.equal(e.name, fault);
    assert.ok(e.message);
    assert.ok(e.$metadata.requestId);
    assert.ok(e instanceof sdk[fault]);
    for (const [name, value] of Object.entries(members)) assert.equal(e[name], value, name);
    return true;
  });
}

const account = `arn:aws:dataexchange:${process.env.AWS_REGION}:123456789012`;
const nowhere = "0".repeat(32);
const bucket = (...path) => join(process.env.HEDDLE_TEST_BUCKETS, ...path);
const bodies = { "one.csv": "one,two\n", "two.csv": "three\n" };
before(() => {
  for (const name of ["js-source", "js-target"]) mkdirSync(bucket(name), { recursive: true });
  for (const [key, body] of Object.entries(bodies)) writeFileSync(bucket("js-source", key), body);
});

async function dataSet() {
  return (await call("CreateDataSet", { Name: "prices", Description: "of everything", AssetType: "S3_SNAPSHOT" })).Id;
}

// finish starts a job, waits for its end, and expects how.
async function finish(JobId, state = "COMPLETED") {
  await call("StartJob", { JobId });
  return ended(JobId, state);
}

async function ended(JobId, state) {
  for (let looks = 0; ; looks++) {
    const job = await call("GetJob", { JobId });
    if (["WAITING", "IN_PROGRESS"].includes(job.State) && looks < 1000) {
      await pause(10);
      continue;
    }
    assert.equal(job.State, state, JSON.stringify(job));
    return job;
  }
}

async function imported(of, ...keys) {
  const AssetSources = keys.map((Key) => ({ Bucket: "js-source", Key }));
  const { Id } = await call("CreateJob", { Type: "IMPORT_ASSETS_FROM_S3", Details: { ImportAssetsFromS3: { ...of, AssetSources } } });
  return finish(Id);
}

const into = (Bucket, more = {}, Encryption = undefined) => ({ ExportRevisionToS3: { RevisionDestination: { Bucket, ...more }, Encryption } });
const whenPublished = (DataSetId) => ({ RevisionPublished: { DataSetId } });

test("what CreateEventAction promises", { timeout: 60_000 }, async () => {
  const DataSetId = await dataSet();
  const Event = whenPublished(DataSetId);
  const KeyPattern = "${Revision.CreatedAt.Year}/${Revision.Id}/${Asset.Name}";
  const began = Date.now();
  const made = await call("CreateEventAction", { Action: into("js-target", { KeyPattern }, { Type: "AES256" }), Event });
  assert.equal(made.$metadata.httpStatusCode, 201);
  assert.deepEqual(made.Action, { ExportRevisionToS3: { Encryption: { Type: "AES256" }, RevisionDestination: { Bucket: "js-target", KeyPattern } } });
  assert.deepEqual(made.Event, Event);
  assert.equal(made.Arn, `${account}:event-actions/${made.Id}`);
  assert.ok(Math.abs(made.CreatedAt - began) < 60_000);
  assert.deepEqual(made.UpdatedAt, made.CreatedAt);
  const kms = { Type: "aws:kms", KmsKeyArn: "arn:aws:kms:us-east-1:123456789012:key/k" };
  const second = await call("CreateEventAction", { Action: into("js-target", { KeyPattern: "kms/${Asset.Name}" }, kms), Event });
  assert.deepEqual(second.Action.ExportRevisionToS3.Encryption, kms);
  for (const input of [
    { Action: into("js-target", {}, { Type: "aws:kms" }), Event },
    { Action: {}, Event },
    { Action: into("js-target"), Event: {} },
    { Action: into("js-target"), Event: whenPublished(nowhere) },
    { Action: into("js-target", { KeyPattern: "nothing of an asset" }), Event },
  ]) {
    await refused("ValidationException", { ExceptionCause: undefined }, "CreateEventAction", input);
  }
  await refused("ValidationException", { ExceptionCause: "S3AccessDenied" }, "CreateEventAction", { Action: into("no-such-bucket"), Event });

  const { Id: RevisionId, CreatedAt } = await call("CreateRevision", { DataSetId, Comment: "first" });
  await imported({ DataSetId, RevisionId }, ...Object.keys(bodies));
  await call("UpdateRevision", { DataSetId, RevisionId, Finalized: true });
  for (const [event, prefix] of [[made, `${CreatedAt.getUTCFullYear()}/${RevisionId}/`], [second, "kms/"]]) {
    let jobs = [];
    for (let looks = 0; jobs.length === 0 && looks < 1000; looks++) {
      if (looks > 0) await pause(10);
      jobs = (await call("ListJobs", { DataSetId, RevisionId })).Jobs.filter((j) => j.Details.ExportRevisionsToS3?.EventActionArn === event.Arn);
    }
    assert.equal(jobs.length, 1);
    const job = await ended(jobs[0].Id, "COMPLETED");
    assert.deepEqual(job.Details.ExportRevisionsToS3.Encryption, event.Action.ExportRevisionToS3.Encryption);
    for (const [key, body] of Object.entries(bodies)) assert.equal(readFileSync(bucket("js-target", prefix + key), "utf8"), body);
  }

  await call("UpdateEventAction", { EventActionId: made.Id, Action: into("js-source") });
  assert.deepEqual((await call("GetEventAction", { EventActionId: made.Id })).Action, { ExportRevisionToS3: { RevisionDestination: { Bucket: "js-source" } } });
  const ids = [];
  for await (const page of sdk.paginateListEventActions({ client: dx, pageSize: 1 }, { EventSourceId: DataSetId })) ids.push(...page.EventActions.map((e) => e.Id));
  assert.deepEqual(ids, [made.Id, second.Id]);
  for (let i = 0; i < 3; i++) await call("CreateEventAction", { Action: into("js-target"), Event });
  await refused("ServiceLimitExceededException", { LimitName: "Auto export event actions per data set", LimitValue: 5 }, "CreateEventAction", { Action: into("js-target"), Event });
  await call("DeleteEventAction", { EventActionId: made.Id });
  for (const [operation, more] of [["GetEventAction", {}], ["UpdateEventAction", { Action: into("js-target") }], ["DeleteEventAction", {}]]) {
    await refused("ResourceNotFoundException", { ResourceId: made.Id, ResourceType: "EVENT_ACTION" }, operation, { EventActionId: made.Id, ...more });
  }
});

test("data sets, revisions, assets and their tags", async () => {
  const made = await call("CreateDataSet", { Name: "Ω", Description: "d", AssetType: "S3_SNAPSHOT", Tags: { team: "blue" } });
  const DataSetId = made.Id;
  assert.deepEqual([made.Arn, made.Origin, made.Tags], [`${account}:data-sets/${DataSetId}`, "OWNED", { team: "blue" }]);
  await refused("ValidationException", {}, "CreateDataSet", { Name: "n", Description: "", AssetType: "S3_SNAPSHOT" });
  assert.equal((await call("UpdateDataSet", { DataSetId, Description: "e" })).Description, "e");
  assert.equal((await call("GetDataSet", { DataSetId })).Name, "Ω");
  const sets = [];
  for await (const page of sdk.paginateListDataSets({ client: dx, pageSize: 1 }, { Origin: "OWNED" })) sets.push(...page.DataSets.map((d) => d.Id));
  assert.equal(sets[0], DataSetId);
  await refused("ValidationException", {}, "ListDataSets", { NextToken: "none" });

  const { Id: RevisionId } = await call("CreateRevision", { DataSetId });
  const of = { DataSetId, RevisionId };
  await refused("ValidationException", {}, "UpdateRevision", { ...of, Finalized: true });
  await imported(of, ...Object.keys(bodies));
  const assets = [];
  for await (const page of sdk.paginateListRevisionAssets({ client: dx, pageSize: 1 }, of)) assets.push(...page.Assets);
  assert.deepEqual(assets.map((a) => a.Name), ["two.csv", "one.csv"]);
  const [two, one] = assets.map((a) => a.Id);
  assert.equal((await call("GetAsset", { ...of, AssetId: one })).AssetDetails.S3SnapshotAsset.Size, bodies["one.csv"].length);
  assert.equal((await call("UpdateAsset", { ...of, AssetId: one, Name: "dir/1.csv" })).Name, "dir/1.csv");
  await call("DeleteAsset", { ...of, AssetId: two });
  await refused("ResourceNotFoundException", { ResourceId: two, ResourceType: "ASSET" }, "GetAsset", { ...of, AssetId: two });
  for (const ResourceArn of [made.Arn, `${made.Arn}/revisions/${RevisionId}`, `${made.Arn}/revisions/${RevisionId}/assets/${one}`]) {
    await call("TagResource", { ResourceArn, Tags: { "a b": "1/2", gone: "" } });
    await call("UntagResource", { ResourceArn, TagKeys: ["gone", "team"] });
    assert.deepEqual((await call("ListTagsForResource", { ResourceArn })).Tags, { "a b": "1/2" });
  }
  await refused("ResourceNotFoundException", { ResourceType: "DATA_SET" }, "ListTagsForResource", { ResourceArn: `${account}:data-sets/${nowhere}` });

  assert.equal((await call("UpdateRevision", { ...of, Finalized: true })).Finalized, true);
  await refused("ConflictException", { ResourceId: one, ResourceType: "ASSET" }, "UpdateAsset", { ...of, AssetId: one, Name: "n" });
  await refused("ConflictException", { ResourceId: RevisionId, ResourceType: "REVISION" }, "DeleteRevision", of);
  const { RevokedAt } = await call("RevokeRevision", { ...of, RevocationComment: "these were wrong" });
  assert.deepEqual((await call("GetRevision", of)).RevokedAt, RevokedAt);
  const { Id: other } = await call("CreateRevision", { DataSetId });
  const revisions = [];
  for await (const page of sdk.paginateListDataSetRevisions({ client: dx, pageSize: 1 }, { DataSetId })) revisions.push(...page.Revisions.map((r) => r.Id));
  assert.deepEqual(revisions, [other, RevisionId]);
  await call("DeleteRevision", { DataSetId, RevisionId: other });
  await call("DeleteDataSet", { DataSetId });
  await refused("ResourceNotFoundException", { ResourceId: DataSetId, ResourceType: "DATA_SET" }, "GetDataSet", { DataSetId });
});

test("jobs and signed URLs", async () => {
  const DataSetId = await dataSet();
  const { Id: RevisionId } = await call("CreateRevision", { DataSetId });
  const of = { DataSetId, RevisionId };
  const body = randomBytes(100_000);
  const Md5Hash = createHash("md5").update(body).digest("base64");
  const job = await call("CreateJob", { Type: "IMPORT_ASSET_FROM_SIGNED_URL", Details: { ImportAssetFromSignedUrl: { ...of, AssetName: "./f.bin", Md5Hash } } });
  const { SignedUrl, SignedUrlExpiresAt } = job.Details.ImportAssetFromSignedUrl;
  assert.equal(SignedUrlExpiresAt - job.CreatedAt, 3600_000);
  assert.equal((await fetch(SignedUrl, { method: "PUT", body, headers: { "Content-MD5": Md5Hash } })).status, 200);
  await finish(job.Id);
  await refused("ConflictException", { ResourceId: job.Id, ResourceType: "JOB" }, "StartJob", { JobId: job.Id });
  const [{ Id: AssetId }] = (await call("ListRevisionAssets", of)).Assets;
  const { Id } = await call("CreateJob", { Type: "EXPORT_ASSET_TO_SIGNED_URL", Details: { ExportAssetToSignedUrl: { ...of, AssetId } } });
  const got = await fetch((await finish(Id)).Details.ExportAssetToSignedUrl.SignedUrl);
  assert.deepEqual(Buffer.from(await got.arrayBuffer()), body);
  const AssetDestinations = [{ AssetId, Bucket: "js-target", Key: "jobs/f.bin" }];
  await finish((await call("CreateJob", { Type: "EXPORT_ASSETS_TO_S3", Details: { ExportAssetsToS3: { ...of, AssetDestinations } } })).Id);
  assert.deepEqual(readFileSync(bucket("js-target", "jobs", "f.bin")), body);
  const RevisionDestinations = [{ RevisionId, Bucket: "no-such-bucket" }];
  const failing = await call("CreateJob", { Type: "EXPORT_REVISIONS_TO_S3", Details: { ExportRevisionsToS3: { DataSetId, RevisionDestinations } } });
  const { Errors } = await finish(failing.Id, "ERROR");
  assert.deepEqual([Errors[0].Code, Errors[0].ResourceId, Errors[0].ResourceType], ["ACCESS_DENIED_EXCEPTION", AssetId, "ASSET"]);
  const waiting = await call("CreateJob", { Type: "EXPORT_ASSETS_TO_S3", Details: { ExportAssetsToS3: { ...of, AssetDestinations } } });
  await call("CancelJob", { JobId: waiting.Id });
  const states = [];
  for await (const page of sdk.paginateListJobs({ client: dx, pageSize: 2 }, of)) states.push(...page.Jobs.map((j) => j.State));
  assert.deepEqual(states, ["CANCELLED", "ERROR", "COMPLETED", "COMPLETED", "COMPLETED"]);
  await refused("ResourceNotFoundException", { ResourceId: nowhere, ResourceType: "JOB" }, "GetJob", { JobId: nowhere });
});

// another is the server's other account, whose keys have its id as their profile.
const another = process.env.HEDDLE_TEST_ACCOUNT;
function anothersKeys() {
  const [, profile] = readFileSync(process.env.AWS_SHARED_CREDENTIALS_FILE, "utf8").split(`[${another}]`);
  const value = (name) => profile.match(new RegExp(`${name}\\s*=\\s*(\\S+)`))[1];
  return { accessKeyId: value("aws_access_key_id"), secretAccessKey: value("aws_secret_access_key") };
}

test("a data grant shows another account what is published, until it is deleted", async () => {
  const receiver = client({ credentials: anothersKeys() });
  const SourceDataSetId = await dataSet();
  const { Id: RevisionId } = await call("CreateRevision", { DataSetId: SourceDataSetId });
  const of = { DataSetId: SourceDataSetId, RevisionId };
  await imported(of, "one.csv");
  await call("UpdateRevision", { ...of, Finalized: true });
  const EndsAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3600_000);
  const grant = await call("CreateDataGrant", { Name: "g", Description: "d", GrantDistributionScope: "NONE", ReceiverPrincipal: another, SourceDataSetId, EndsAt, Tags: { k: "v" } });
  assert.deepEqual([grant.AcceptanceState, grant.EndsAt, grant.Tags], ["PENDING_RECEIVER_ACCEPTANCE", EndsAt, { k: "v" }]);
  const received = [];
  for await (const page of sdk.paginateListReceivedDataGrants({ client: receiver, pageSize: 1 }, {})) received.push(...page.DataGrantSummaries.map((g) => g.Arn));
  assert.deepEqual(received, [grant.Arn]);
  const { DataSetId } = grant;
  const gone = ["ResourceNotFoundException", { ResourceId: DataSetId, ResourceType: "DATA_SET" }, "GetDataSet", { DataSetId }];
  await refusedBy(receiver, ...gone);
  const accepted = await callBy(receiver, "AcceptDataGrant", { DataGrantArn: grant.Arn });
  assert.equal(accepted.AcceptanceState, "ACCEPTED");
  assert.deepEqual((await call("GetDataGrant", { DataGrantId: grant.Id })).AcceptedAt, accepted.AcceptedAt);
  assert.equal((await callBy(receiver, "GetReceivedDataGrant", { DataGrantArn: grant.Arn })).SenderPrincipal, account.split(":")[4]);
  assert.equal((await callBy(receiver, "GetDataSet", { DataSetId })).OriginDetails.DataGrantId, grant.Id);
  await refusedBy(receiver, "ConflictException", {}, "AcceptDataGrant", { DataGrantArn: grant.Arn });
  const given = [];
  for await (const page of sdk.paginateListDataGrants({ client: dx, pageSize: 1 }, {})) given.push(...page.DataGrantSummaries.map((g) => g.Id));
  assert.deepEqual(given, [grant.Id]);
  await refused("ConflictException", {}, "DeleteDataSet", { DataSetId: SourceDataSetId });
  await call("DeleteDataGrant", { DataGrantId: grant.Id });
  await refusedBy(receiver, ...gone);
});

test("every operation was called", async () => {
  const DataSetId = await dataSet();
  await refused("ValidationException", {}, "SendDataSetNotification", { DataSetId, Type: "DATA_DELAY" });
  const all = Object.keys(sdk).filter((k) => k.endsWith("Command") && k !== "$Command").map((k) => k.replace(/Command$/, ""));
  assert.deepEqual(all.filter((o) => !called.has(o)), ["SendApiAsset", "SendDataSetNotification"]); // which are refused always
});
