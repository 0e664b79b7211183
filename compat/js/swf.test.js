// Drives a running server with the AWS SDK for JavaScript, unmodified: a decider
// and a worker complete an order, and every operation is called, with faults as
// the SDK's own exceptions. The endpoint, region and keys come from the
// environment (AWS_ENDPOINT_URL, AWS_REGION, ...); compat/run sets them.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as sdk from "@aws-sdk/client-swf";

const called = new Set();
const swf = new sdk.SWFClient({ maxAttempts: 1 });
swf.middlewareStack.add(
  (next, context) => async (args) => {
    const result = await next(args);
    called.add(context.commandName.replace(/Command$/, ""));
    return result;
  },
  { step: "initialize" },
);

// call sends a command by its operation's name.
const call = (operation, input = {}) => swf.send(new sdk[operation + "Command"](input));

// refused expects a fault, as the SDK's own class where the model has one.
async function refused(fault, message, operation, input) {
  await assert.rejects(call(operation, input), (e) => {
    assert.equal(e.name, fault);
    if (message !== undefined) assert.equal(e.message, message);
    assert.equal(e.$metadata.httpStatusCode, 400);
    assert.ok(e.$metadata.requestId);
    if (sdk[fault]) assert.ok(e instanceof sdk[fault]);
    return true;
  });
}

const domain = "js";
const order = { name: "order", version: "1" };
const step = { name: "step", version: "1" };
const always = { oldestDate: new Date(0) };
const list = (name) => ({ domain, taskList: { name } });

before(async () => {
  await call("RegisterDomain", { name: domain, workflowExecutionRetentionPeriodInDays: "1" });
  await call("RegisterWorkflowType", {
    domain, ...order, defaultTaskList: { name: "orders" }, defaultChildPolicy: "TERMINATE",
    defaultExecutionStartToCloseTimeout: "600", defaultTaskStartToCloseTimeout: "60",
  });
  await call("RegisterActivityType", {
    domain, ...step, defaultTaskList: { name: "steps" }, defaultTaskHeartbeatTimeout: "NONE",
    defaultTaskScheduleToStartTimeout: "60", defaultTaskScheduleToCloseTimeout: "60", defaultTaskStartToCloseTimeout: "60",
  });
});

// decide decides from the history alone: three steps one after the other, then
// the end.
const steps = ["reserve", "charge", "ship"];
function decide(events) {
  const done = events.filter((e) => e.eventType === "ActivityTaskCompleted").map((e) => e.activityTaskCompletedEventAttributes.result);
  if (done.length < steps.length) {
    const activityId = steps[done.length];
    return { decisionType: "ScheduleActivityTask", scheduleActivityTaskDecisionAttributes: { activityId, activityType: step, input: activityId } };
  }
  return { decisionType: "CompleteWorkflowExecution", completeWorkflowExecutionDecisionAttributes: { result: done.join() } };
}

async function decider() {
  for (;;) {
    const task = await call("PollForDecisionTask", { ...list("orders"), identity: "decider" });
    if (!task.taskToken) continue;
    const decision = decide(task.events);
    await call("RespondDecisionTaskCompleted", { taskToken: task.taskToken, decisions: [decision] });
    if (decision.decisionType === "CompleteWorkflowExecution") return;
  }
}

async function worker() {
  for (let n = 0; n < steps.length; ) {
    const task = await call("PollForActivityTask", { ...list("steps"), identity: "worker" });
    if (!task.taskToken) continue;
    n++;
    assert.deepEqual((await call("RecordActivityTaskHeartbeat", { taskToken: task.taskToken, details: "at it" })).cancelRequested, false);
    await call("RespondActivityTaskCompleted", { taskToken: task.taskToken, result: task.input + "d" });
  }
}

test("an order", { timeout: 60_000 }, async () => {
  const { runId } = await call("StartWorkflowExecution", { domain, workflowId: "order-1", workflowType: order, input: "3 × Ω \u{1F4E6}" });
  await Promise.all([decider(), worker()]);
  const execution = { workflowId: "order-1", runId };
  const events = [];
  for await (const page of sdk.paginateGetWorkflowExecutionHistory({ client: swf, pageSize: 7 }, { domain, execution })) events.push(...page.events);
  assert.deepEqual(events.map((e) => e.eventId), events.map((_, i) => i + 1));
  assert.equal(events[0].workflowExecutionStartedEventAttributes.input, "3 × Ω \u{1F4E6}");
  assert.equal(events.at(-1).workflowExecutionCompletedEventAttributes.result, "reserved,charged,shipd");
  const detail = await call("DescribeWorkflowExecution", { domain, execution });
  assert.equal(detail.executionInfo.closeStatus, "COMPLETED");
  assert.deepEqual(detail.executionInfo.closeTimestamp, events.at(-1).eventTimestamp);
  const filter = { domain, startTimeFilter: always, executionFilter: { workflowId: "order-1" } };
  assert.equal((await call("CountClosedWorkflowExecutions", filter)).count, 1);
  assert.deepEqual((await call("ListClosedWorkflowExecutions", filter)).executionInfos.map((i) => i.execution), [execution]);
});

test("an execution by hand", async () => {
  const start = { domain, workflowId: "w", workflowType: order, taskList: { name: "hand" } };
  const { runId } = await call("StartWorkflowExecution", start);
  await refused("WorkflowExecutionAlreadyStartedFault", "Already Started", "StartWorkflowExecution", start);
  const filter = { domain, startTimeFilter: always, executionFilter: { workflowId: "w" } };
  assert.equal((await call("CountOpenWorkflowExecutions", filter)).count, 1);
  assert.equal((await call("ListOpenWorkflowExecutions", filter)).executionInfos[0].execution.runId, runId);
  assert.equal((await call("CountPendingDecisionTasks", list("hand"))).count, 1);
  const task = await call("PollForDecisionTask", list("hand"));
  assert.deepEqual([task.startedEventId, task.previousStartedEventId], [3, 0]);
  await call("RespondDecisionTaskCompleted", {
    taskToken: task.taskToken,
    decisions: ["fails", "stops"].map((activityId) => ({
      decisionType: "ScheduleActivityTask",
      scheduleActivityTaskDecisionAttributes: { activityId, activityType: step, taskList: { name: "hands" } },
    })),
  });
  assert.equal((await call("CountPendingActivityTasks", list("hands"))).count, 2);
  const fails = await call("PollForActivityTask", list("hands"));
  const stops = await call("PollForActivityTask", list("hands"));
  await call("RespondActivityTaskFailed", { taskToken: fails.taskToken, reason: "no" });
  await refused("UnknownResourceFault", "Unknown activity, scheduledEventId = 5", "RespondActivityTaskFailed", { taskToken: fails.taskToken });
  await call("RequestCancelWorkflowExecution", { domain, workflowId: "w", runId });
  await call("SignalWorkflowExecution", { domain, workflowId: "w", signalName: "s", input: "i" });
  const { taskToken } = await call("PollForDecisionTask", list("hand"));
  await call("RespondDecisionTaskCompleted", {
    taskToken, decisions: [{ decisionType: "RequestCancelActivityTask", requestCancelActivityTaskDecisionAttributes: { activityId: "stops" } }],
  });
  assert.equal((await call("RecordActivityTaskHeartbeat", { taskToken: stops.taskToken })).cancelRequested, true);
  await call("RespondActivityTaskCanceled", { taskToken: stops.taskToken, details: "as asked" });
  await call("TerminateWorkflowExecution", { domain, workflowId: "w", reason: "done" });
  await refused("UnknownResourceFault", "Unknown execution, workflowId = w", "TerminateWorkflowExecution", { domain, workflowId: "w" });
});

test("domains and tags", async () => {
  const { domainInfo } = await call("DescribeDomain", { name: domain });
  const tagged = async () => (await call("ListTagsForResource", { resourceArn: domainInfo.arn })).tags;
  await call("TagResource", { resourceArn: domainInfo.arn, tags: [{ key: "a", value: "1" }, { key: "b" }] });
  await call("UntagResource", { resourceArn: domainInfo.arn, tagKeys: ["b"] });
  assert.deepEqual(await tagged(), [{ key: "a", value: "1" }]);
  await call("RegisterDomain", { name: "brief", workflowExecutionRetentionPeriodInDays: "NONE" });
  await call("DeprecateDomain", { name: "brief" });
  await refused("DomainDeprecatedFault", "brief", "DeprecateDomain", { name: "brief" });
  assert.deepEqual((await call("ListDomains", { registrationStatus: "DEPRECATED" })).domainInfos.map((d) => d.name), ["brief"]);
  await call("UndeprecateDomain", { name: "brief" });
  await refused("DomainAlreadyExistsFault", "brief", "UndeprecateDomain", { name: "brief" });
  await refused("UnknownResourceFault", "Unknown domain: none", "DescribeDomain", { name: "none" });
  await refused("ValidationException", undefined, "ListDomains", { registrationStatus: "X" });
});

for (const kind of ["Workflow", "Activity"]) {
  test(`${kind} types`, async () => {
    const mill = { name: "mill", version: "1" };
    const one = { domain, [kind.toLowerCase() + "Type"]: mill };
    const text = `${kind}Type=[name=mill, version=1]`;
    await call(`Register${kind}Type`, { domain, ...mill });
    await refused("TypeAlreadyExistsFault", text, `Register${kind}Type`, { domain, ...mill });
    assert.equal((await call(`Describe${kind}Type`, one)).typeInfo.status, "REGISTERED");
    await refused("TypeNotDeprecatedFault", "The type is currently registered and cannot be deleted in its current state", `Delete${kind}Type`, one);
    await call(`Deprecate${kind}Type`, one);
    await refused("TypeDeprecatedFault", text, `Deprecate${kind}Type`, one);
    assert.equal((await call(`List${kind}Types`, { domain, registrationStatus: "DEPRECATED" })).typeInfos.length, 1);
    await call(`Undeprecate${kind}Type`, one);
    await call(`Deprecate${kind}Type`, one);
    await call(`Delete${kind}Type`, one);
    await refused("UnknownResourceFault", "Unknown type: " + text, `Describe${kind}Type`, one);
  });
}

test("empty polls", async () => {
  for (const operation of ["PollForDecisionTask", "PollForActivityTask"]) {
    const { taskToken, startedEventId } = await call(operation, list("empty"));
    assert.deepEqual([taskToken, startedEventId], [undefined, 0]);
  }
});

test("every operation was called", () => {
  const all = Object.keys(sdk).filter((k) => k.endsWith("Command") && k !== "$Command").map((k) => k.replace(/Command$/, ""));
  assert.equal(all.length, 39);
  assert.deepEqual(all.filter((o) => !called.has(o)), []);
});
