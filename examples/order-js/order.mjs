// An order as a workflow of Amazon SWF, with the AWS SDK for JavaScript: registers what it needs,
// runs a decider and a worker, starts one order, waits until that is done, and prints its history.
//
//     node examples/order-js/order.mjs             the order ships when it was held for a second
//     node examples/order-js/order.mjs --signal    the customer has it shipped at once
//
// Needs Node 20 and, beside it or above, npm install @aws-sdk/client-swf.

import {
  SWFClient, CountOpenWorkflowExecutionsCommand, GetWorkflowExecutionHistoryCommand, PollForActivityTaskCommand, PollForDecisionTaskCommand,
  RegisterActivityTypeCommand, RegisterDomainCommand, RegisterWorkflowTypeCommand, RespondActivityTaskCompletedCommand,
  RespondDecisionTaskCompletedCommand, SignalWorkflowExecutionCommand, StartWorkflowExecutionCommand,
} from "@aws-sdk/client-swf";

// The usual AWS variables say where, and by which key; without any it is a server on this machine.
process.env.AWS_ENDPOINT_URL ??= "http://127.0.0.1:7930";
process.env.AWS_REGION ??= "us-east-1";
if (!process.env.AWS_ACCESS_KEY_ID) process.env.AWS_SHARED_CREDENTIALS_FILE ??= "heddle-data/credentials";

const swf = new SWFClient();
const domain = "orders-js", version = "1.0";
const deciders = { name: "order-js-deciders" }, workers = { name: "order-js-workers" };
const signals = process.argv.includes("--signal");
const hold = signals ? "60" : "1"; // seconds

// What shall happen next to an order of which we know this history: a pure function.
function decide(events) {
  const last = (type) => events.findLast((e) => e.eventType === type);
  const done = events.filter((e) => e.eventType === "ActivityTaskCompleted").length;
  const lost = last("ActivityTaskTimedOut") ?? last("ActivityTaskFailed");
  const activity = (name, input) => ({
    decisionType: "ScheduleActivityTask",
    scheduleActivityTaskDecisionAttributes: { activityId: name, activityType: { name, version }, taskList: workers, input },
  });
  if (lost) {
    return [{ decisionType: "FailWorkflowExecution", failWorkflowExecutionDecisionAttributes: { reason: lost.eventType } }];
  }
  if (done === 2) {
    const parcel = last("ActivityTaskCompleted").activityTaskCompletedEventAttributes.result;
    return [{ decisionType: "CompleteWorkflowExecution", completeWorkflowExecutionDecisionAttributes: { result: parcel } }];
  }
  const order = events[0].workflowExecutionStartedEventAttributes.input;
  if (done === 0) {
    return [activity("ChargeCreditCard", order)];
  }
  if (last("ActivityTaskScheduled").activityTaskScheduledEventAttributes.activityId === "ShipOrder") {
    return []; // it is on its way
  }
  if (last("TimerFired") || last("WorkflowExecutionSignaled")) {
    const timer = last("TimerFired") ? [] : [{ decisionType: "CancelTimer", cancelTimerDecisionAttributes: { timerId: "Hold" } }];
    return [...timer, activity("ShipOrder", order)];
  }
  return [{ decisionType: "StartTimer", startTimerDecisionAttributes: { timerId: "Hold", startToFireTimeout: hold } }];
}

const over = new AbortController();

async function decider() {
  while (!over.signal.aborted) {
    const task = await swf.send(new PollForDecisionTaskCommand({ domain, taskList: deciders, identity: "decider" }), { abortSignal: over.signal });
    if (task.taskToken) {
      await swf.send(new RespondDecisionTaskCompletedCommand({ taskToken: task.taskToken, decisions: decide(task.events) }));
    }
  }
}

const activities = { ChargeCreditCard: (order) => `receipt of ${order}`, ShipOrder: (order) => `parcel of ${order}` };

async function worker() {
  while (!over.signal.aborted) {
    const task = await swf.send(new PollForActivityTaskCommand({ domain, taskList: workers, identity: "worker" }), { abortSignal: over.signal });
    if (task.taskToken) {
      const result = activities[task.activityType.name](task.input);
      await swf.send(new RespondActivityTaskCompletedCommand({ taskToken: task.taskToken, result }));
    }
  }
}

// Registers something; that it is there already is as well.
async function register(command) {
  try {
    await swf.send(command);
  } catch (e) {
    if (!/AlreadyExists/.test(e.name)) throw e;
  }
}

await register(new RegisterDomainCommand({ name: domain, workflowExecutionRetentionPeriodInDays: "1" }));
await register(new RegisterWorkflowTypeCommand({
  domain, name: "CustomerOrder", version, defaultTaskList: deciders, defaultChildPolicy: "TERMINATE",
  defaultExecutionStartToCloseTimeout: "3600", defaultTaskStartToCloseTimeout: "30",
}));
for (const name of Object.keys(activities)) {
  await register(new RegisterActivityTypeCommand({
    domain, name, version, defaultTaskStartToCloseTimeout: "30", defaultTaskHeartbeatTimeout: "NONE",
    defaultTaskScheduleToStartTimeout: "300", defaultTaskScheduleToCloseTimeout: "NONE",
  }));
}
const ended = (e) => { if (e.name !== "AbortError") throw e; }; // by us
const at = Promise.all([decider().catch(ended), worker().catch(ended)]);

const workflowId = `order-${Date.now()}`;
const { runId } = await swf.send(new StartWorkflowExecutionCommand({ domain, workflowId, workflowType: { name: "CustomerOrder", version }, input: workflowId }));
const history = () => swf.send(new GetWorkflowExecutionHistoryCommand({ domain, execution: { workflowId, runId } }));
const pause = () => new Promise((done) => setTimeout(done, 100));
if (signals) {
  while (!(await history()).events.some((e) => e.eventType === "TimerStarted")) await pause();
  await swf.send(new SignalWorkflowExecutionCommand({ domain, workflowId, signalName: "ShipNow" }));
}
const open = () => swf.send(new CountOpenWorkflowExecutionsCommand({ domain, executionFilter: { workflowId }, startTimeFilter: { oldestDate: new Date(0) } }));
while ((await open()).count > 0) await pause();
over.abort();
await at;
for (const e of (await history()).events) {
  const result = (e.activityTaskCompletedEventAttributes ?? e.workflowExecutionCompletedEventAttributes)?.result ?? "";
  console.log(String(e.eventId).padStart(3), e.eventType.padEnd(30), result);
}
swf.destroy();
