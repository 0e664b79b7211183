// Drives Step Functions of a running server with the AWS SDK for JavaScript,
// unmodified: a state machine and a worker complete an order, and every operation is
// called, with faults as the SDK's own exceptions. The endpoint, region and keys come
// from the environment (AWS_ENDPOINT_URL, AWS_REGION, ...); compat/run sets them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import * as sdk from "@aws-sdk/client-sfn";

const called = new Set();
// StartSyncExecution and TestState go to sync-HOST, which 127.0.0.1 has not.
const sfn = new sdk.SFNClient({ maxAttempts: 1, disableHostPrefix: true });
sfn.middlewareStack.add(
  (next, context) => async (args) => {
    const result = await next(args);
    called.add(context.commandName.replace(/Command$/, ""));
    return result;
  },
  { step: "initialize" },
);

// call sends a command by its operation's name.
const call = (operation, input = {}) => sfn.send(new sdk[operation + "Command"](input));

// refused expects a fault, as the SDK's own class.
async function refused(fault, message, operation, input) {
  await assert.rejects(call(operation, input), (e) => {
    assert.equal(e.name, fault);
    if (message !== undefined) assert.equal(e.message, message);
    assert.equal(e.$metadata.httpStatusCode, 400);
    assert.ok(e.$metadata.requestId);
    assert.ok(e instanceof sdk[fault]);
    return true;
  });
}

const states = `arn:aws:states:${process.env.AWS_REGION}:123456789012`;
const one = (state) => JSON.stringify({ StartAt: "S", States: { S: state } });
const passing = one({ Type: "Pass", End: true });
const waiting = one({ Type: "Wait", Seconds: 600, End: true });
const failing = one({ Type: "Fail", Error: "E", Cause: "C" });

let roleArn;
before(async () => {
  const trust = { Effect: "Allow", Principal: { Service: "states.amazonaws.com" }, Action: "sts:AssumeRole" };
  const made = await new IAMClient({ maxAttempts: 1 }).send(new CreateRoleCommand({
    RoleName: "js-states", AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [trust] }),
  }));
  roleArn = made.Role.Arn;
});

async function machine(name, definition = passing, more = {}) {
  const { stateMachineArn } = await call("CreateStateMachine", { name, definition, roleArn, ...more });
  assert.equal(stateMachineArn, `${states}:stateMachine:${name}`);
  return stateMachineArn;
}

// ends waits until an execution is closed, and expects how.
async function ends(executionArn, status) {
  for (let looks = 0; ; looks++) {
    const d = await call("DescribeExecution", { executionArn });
    if (d.status === "RUNNING" && looks < 1000) {
      await pause(20);
      continue;
    }
    assert.equal(d.status, status, JSON.stringify(d));
    return d;
  }
}

async function task(activityArn) {
  for (let polls = 0; polls < 5; polls++) {
    const task = await call("GetActivityTask", { activityArn, workerName: "js" });
    if (task.taskToken) return task;
  }
  throw new Error(`${activityArn} gave no task`);
}

// An order: the state machine of the examples, with a worker that knows nothing.
test("an order", { timeout: 60_000 }, async () => {
  const answers = {
    VerifyOrder: () => "in stock",
    ReserveItem: ({ item }) => ({ reserved: item.name }),
    ChargeCreditCard: ({ id }) => ({ receipt: "r" + id }),
    ShipOrder: ({ names, grams }) => ({ parcel: `${names.join("+")}: ${grams} g` }),
    CancelOrder: () => null,
  };
  const arns = {};
  for (const name in answers) arns[name] = (await call("CreateActivity", { name: "order-" + name })).activityArn;
  const definition = readFileSync(new URL("../../examples/order-sfn/order.asl.json", import.meta.url), "utf8")
    .replace(/\$\{(\w+)\}/g, (placeholder, name) => arns[name] ?? placeholder);
  const stateMachineArn = await machine("order", definition);
  let open = true;
  async function work(name) {
    while (open) {
      const { taskToken, input } = await call("GetActivityTask", { activityArn: arns[name], workerName: name });
      if (!taskToken) continue;
      const order = JSON.parse(input);
      if (name === "ChargeCreditCard" && order.card === "busy" && order.attempt === 0) {
        await call("SendTaskFailure", { taskToken, error: "BankBusy", cause: "again" });
      } else {
        await call("SendTaskSuccess", { taskToken, output: JSON.stringify(answers[name](order)) });
      }
    }
  }
  const workers = Object.keys(answers).map(work);
  const order = {
    id: "1", card: "busy", express: true, holdSeconds: 600,
    items: [{ name: "Ω\u{1F4E6}", price: 1.5, quantity: 2, grams: 3 }, { name: "lamp", price: 4, quantity: 1, grams: 5 }],
  };
  const { executionArn } = await call("StartExecution", { stateMachineArn, name: "good", input: JSON.stringify(order) });
  let shipped;
  try {
    shipped = await ends(executionArn, "SUCCEEDED");
  } finally {
    open = false;
    await Promise.all(workers);
  }
  assert.deepEqual(JSON.parse(shipped.output), { id: "1", parcel: "Ω\u{1F4E6}+lamp: 8 g", receipt: "r1", total: 7 });
  const events = [];
  for await (const page of sdk.paginateGetExecutionHistory({ client: sfn, pageSize: 7 }, { executionArn })) events.push(...page.events);
  assert.deepEqual(events.map((e) => e.id), events.map((_, i) => i + 1));
  assert.equal(events.filter((e) => e.type === "ActivityFailed").length, 1);
  assert.equal(events.filter((e) => e.type === "WaitStateEntered").length, 0);
  assert.equal(events.at(-1).type, "ExecutionSucceeded");
  assert.deepEqual(shipped.stopDate, events.at(-1).timestamp);
});

test("activities", async () => {
  const { activityArn, creationDate } = await call("CreateActivity", { name: "pack", tags: [{ key: "a", value: "1" }] });
  assert.equal(activityArn, `${states}:activity:pack`);
  assert.deepEqual((await call("CreateActivity", { name: "pack", tags: [{ key: "b", value: "2" }] })).creationDate, creationDate);
  await refused("InvalidName", "Invalid Name: 'a b'", "CreateActivity", { name: "a b" });
  assert.equal((await call("DescribeActivity", { activityArn })).name, "pack");
  const none = `${states}:activity:none`;
  await refused("ActivityDoesNotExist", `Activity Does Not Exist: '${none}'`, "DescribeActivity", { activityArn: none });
  await refused("ActivityDoesNotExist", `Activity Does Not Exist: '${none}'`, "GetActivityTask", { activityArn: none });
  assert.ok((await call("ListActivities")).activities.some((a) => a.name === "pack"));
  await refused("InvalidToken", "Invalid Token: 'Invalid token'", "ListActivities", { nextToken: "no token" });
  await call("TagResource", { resourceArn: activityArn, tags: [{ key: "a", value: "3" }, { key: "c", value: "" }] });
  await call("UntagResource", { resourceArn: activityArn, tagKeys: ["c"] });
  assert.deepEqual((await call("ListTagsForResource", { resourceArn: activityArn })).tags, [{ key: "a", value: "3" }]);
  await refused("ResourceNotFound", `Resource not found: '${none}'`, "ListTagsForResource", { resourceArn: none });
  assert.equal((await call("GetActivityTask", { activityArn })).taskToken ?? null, null);
  await call("DeleteActivity", { activityArn });
  await refused("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: pack'", "DeleteActivity", { activityArn: "pack" });
});

test("tasks", async () => {
  const { activityArn } = await call("CreateActivity", { name: "work" });
  const stateMachineArn = await machine("worker", one({ Type: "Task", Resource: activityArn, End: true }));
  const { executionArn } = await call("StartExecution", { stateMachineArn, name: "e", input: '{"n": 1}' });
  const failing = await task(activityArn);
  assert.equal(failing.input, '{"n":1}');
  await call("SendTaskHeartbeat", { taskToken: failing.taskToken });
  await refused("InvalidOutput", undefined, "SendTaskSuccess", { taskToken: failing.taskToken, output: "{" });
  await call("SendTaskFailure", { taskToken: failing.taskToken, error: "E", cause: "C" });
  const { error, cause } = await ends(executionArn, "FAILED");
  assert.deepEqual([error, cause], ["E", "C"]);
  for (const [operation, more] of [["SendTaskSuccess", { output: "1" }], ["SendTaskFailure", {}], ["SendTaskHeartbeat", {}]]) {
    await refused("TaskTimedOut", undefined, operation, { taskToken: failing.taskToken, ...more });
    await refused("InvalidToken", "Invalid Token: 'Invalid token'", operation, { taskToken: "no token", ...more });
  }
  await call("RedriveExecution", { executionArn });
  await call("SendTaskSuccess", { taskToken: (await task(activityArn)).taskToken, output: "2" });
  assert.equal((await ends(executionArn, "SUCCEEDED")).output, "2");
  await refused("ExecutionNotRedrivable", undefined, "RedriveExecution", { executionArn });
});

test("state machines, versions and aliases", async () => {
  const stateMachineArn = await machine("m");
  await refused("StateMachineAlreadyExists", `State Machine Already Exists: '${stateMachineArn}'`, "CreateStateMachine", { name: "m", definition: waiting, roleArn });
  await refused("InvalidDefinition", "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /'",
    "CreateStateMachine", { name: "n", definition: "{}", roleArn });
  const described = await call("DescribeStateMachine", { stateMachineArn });
  assert.deepEqual([described.definition, described.status, described.type], [passing, "ACTIVE", "STANDARD"]);
  const none = `${states}:stateMachine:none`;
  for (const operation of ["DescribeStateMachine", "UpdateStateMachine", "PublishStateMachineVersion", "StartExecution", "ListExecutions"]) {
    await refused("StateMachineDoesNotExist", `State Machine Does Not Exist: '${none}'`, operation,
      { stateMachineArn: none, ...(operation === "UpdateStateMachine" && { definition: passing }) });
  }
  assert.ok((await call("ListStateMachines")).stateMachines.some((m) => m.name === "m"));
  await refused("InvalidToken", "Invalid Token: 'Invalid token'", "ListStateMachines", { nextToken: "no token" });

  const first = (await call("PublishStateMachineVersion", { stateMachineArn })).stateMachineVersionArn;
  const second = (await call("UpdateStateMachine", { stateMachineArn, definition: failing, publish: true })).stateMachineVersionArn;
  assert.deepEqual([first, second], [stateMachineArn + ":1", stateMachineArn + ":2"]);
  const versions = (await call("ListStateMachineVersions", { stateMachineArn })).stateMachineVersions;
  assert.deepEqual(versions.map((v) => v.stateMachineVersionArn), [second, first]);
  await refused("InvalidToken", undefined, "ListStateMachineVersions", { stateMachineArn, nextToken: "no token" });

  const to = (...weights) => [first, second].map((stateMachineVersionArn, i) => ({ stateMachineVersionArn, weight: weights[i] }));
  const { stateMachineAliasArn } = await call("CreateStateMachineAlias", { name: "live", routingConfiguration: to(100, 0) });
  await refused("ConflictException", undefined, "CreateStateMachineAlias", { name: "live", routingConfiguration: to(0, 100) });
  await refused("ValidationException", "Sum of routing configuration weights must equal 100. Received: [70, 29]",
    "CreateStateMachineAlias", { name: "odd", routingConfiguration: to(70, 29) });
  await call("UpdateStateMachineAlias", { stateMachineAliasArn, routingConfiguration: to(0, 100) });
  assert.deepEqual((await call("DescribeStateMachineAlias", { stateMachineAliasArn })).routingConfiguration, to(0, 100));
  for (const operation of ["DescribeStateMachineAlias", "UpdateStateMachineAlias"]) {
    await refused("ResourceNotFound", undefined, operation,
      { stateMachineAliasArn: stateMachineArn + ":none", ...(operation.startsWith("Update") && { routingConfiguration: to(0, 100) }) });
  }
  const aliases = (await call("ListStateMachineAliases", { stateMachineArn })).stateMachineAliases;
  assert.deepEqual(aliases.map((a) => a.stateMachineAliasArn), [stateMachineAliasArn]);
  await refused("InvalidToken", undefined, "ListStateMachineAliases", { stateMachineArn, nextToken: "no token" });
  const { executionArn } = await call("StartExecution", { stateMachineArn: stateMachineAliasArn });
  assert.equal((await ends(executionArn, "FAILED")).stateMachineVersionArn, second);
  await refused("ConflictException", undefined, "DeleteStateMachineVersion", { stateMachineVersionArn: second });
  await call("DeleteStateMachineAlias", { stateMachineAliasArn });
  await refused("InvalidArn", undefined, "DeleteStateMachineAlias", { stateMachineAliasArn: "live" });
  await call("DeleteStateMachineVersion", { stateMachineVersionArn: second });
  await call("DeleteStateMachine", { stateMachineArn });
  await refused("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: m'", "DeleteStateMachine", { stateMachineArn: "m" });
});

test("executions", async () => {
  const stateMachineArn = await machine("runs", waiting);
  const start = { stateMachineArn, name: "e", input: '{"n": 1}' };
  const { executionArn, startDate } = await call("StartExecution", start);
  assert.deepEqual((await call("StartExecution", start)).startDate, startDate);
  await refused("ExecutionAlreadyExists", `Execution Already Exists: '${executionArn}'`, "StartExecution", { ...start, input: "2" });
  await refused("InvalidExecutionInput", "Invalid State Machine Execution Input: 'Invalid execution input.'", "StartExecution", { stateMachineArn, input: "" });
  assert.equal((await call("DescribeStateMachineForExecution", { executionArn })).definition, waiting);
  const none = `${states}:execution:runs:none`;
  for (const operation of ["DescribeExecution", "DescribeStateMachineForExecution", "GetExecutionHistory", "StopExecution", "RedriveExecution"]) {
    await refused("ExecutionDoesNotExist", `Execution Does Not Exist: '${none}'`, operation, { executionArn: none });
  }
  assert.deepEqual((await call("ListExecutions", { stateMachineArn, statusFilter: "RUNNING" })).executions.map((e) => e.name), ["e"]);
  const { stopDate } = await call("StopExecution", { executionArn, error: "E", cause: "C" });
  const stopped = await ends(executionArn, "ABORTED");
  assert.deepEqual([stopped.error, stopped.cause, stopped.stopDate], ["E", "C", stopDate]);
  const { events } = await call("GetExecutionHistory", { executionArn, reverseOrder: true, maxResults: 1 });
  assert.deepEqual(events.map((e) => [e.type, e.previousEventId, e.executionAbortedEventDetails]), [["ExecutionAborted", 0, { error: "E", cause: "C" }]]);
});

test("express, tests of states, definitions", async () => {
  const ran = await call("StartSyncExecution", { stateMachineArn: await machine("fast", passing, { type: "EXPRESS" }), input: '{"n":1}' });
  assert.deepEqual([ran.status, ran.output], ["SUCCEEDED", '{"n":1}']);
  await refused("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine",
    "StartSyncExecution", { stateMachineArn: await machine("slow") });
  const tested = await call("TestState", {
    definition: JSON.stringify({ Type: "Pass", QueryLanguage: "JSONata", Output: "{% $states.input.n + 1 %}", Next: "N" }), roleArn, input: '{"n":1}',
  });
  assert.deepEqual([tested.status, tested.output, tested.nextState], ["SUCCEEDED", "2", "N"]);
  await refused("InvalidDefinition", undefined, "TestState", { definition: '{"Type":"Nap"}', roleArn });
  assert.equal((await call("ValidateStateMachineDefinition", { definition: passing })).result, "OK");
  const invalid = await call("ValidateStateMachineDefinition", { definition: one({ Type: "Nap" }) });
  assert.deepEqual([invalid.result, invalid.diagnostics[0].location], ["FAIL", "/States/S/Type"]);
  await refused("ValidationException", undefined, "ValidateStateMachineDefinition", { definition: passing, maxResults: 101 });
});

test("map runs", async () => {
  const ItemProcessor = { ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" }, StartAt: "P", States: { P: { Type: "Pass", End: true } } };
  const stateMachineArn = await machine("mapping", one({ Type: "Map", Label: "each", ItemProcessor, End: true }));
  const { executionArn } = await call("StartExecution", { stateMachineArn, input: "[1, 2, 3]" });
  assert.equal((await ends(executionArn, "SUCCEEDED")).output, "[1,2,3]");
  const { mapRuns: [{ mapRunArn, ...listed }] } = await call("ListMapRuns", { executionArn });
  assert.deepEqual([listed.executionArn, listed.stateMachineArn], [executionArn, stateMachineArn + "/each"]);
  const { status, itemCounts } = await call("DescribeMapRun", { mapRunArn });
  assert.deepEqual([status, itemCounts.succeeded, itemCounts.resultsWritten, itemCounts.total], ["SUCCEEDED", 3, 3, 3]);
  assert.equal((await call("ListExecutions", { mapRunArn })).executions.length, 3);
  await refused("ValidationException", undefined, "UpdateMapRun", { mapRunArn, maxConcurrency: 1 });
  const waits = { ...ItemProcessor, States: { P: { Type: "Wait", Seconds: 600, End: true } } };
  const slow = await call("StartExecution", { stateMachineArn: await machine("slow-mapping", one({ Type: "Map", ItemProcessor: waits, End: true })), input: "[1]" });
  let runs = [];
  while (runs.length === 0) ({ mapRuns: runs } = await call("ListMapRuns", { executionArn: slow.executionArn }));
  await call("UpdateMapRun", { mapRunArn: runs[0].mapRunArn, toleratedFailurePercentage: 50 });
  assert.equal((await call("DescribeMapRun", { mapRunArn: runs[0].mapRunArn })).toleratedFailurePercentage, 50);
});

test("every operation was called", () => {
  const all = Object.keys(sdk).filter((k) => k.endsWith("Command") && k !== "$Command").map((k) => k.replace(/Command$/, ""));
  assert.deepEqual(all.filter((o) => !called.has(o)), []);
});
