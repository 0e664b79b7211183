// Tests with a server of their own: node --test examples/testing
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { SFNClient, CreateStateMachineCommand, StartExecutionCommand, DescribeExecutionCommand } from "@aws-sdk/client-sfn";
import { startHeddle } from "./heddle.mjs";

let heddle, sfn;
before(async () => {
  heddle = await startHeddle();
  sfn = new SFNClient(heddle.config);
});
after(() => heddle.stop());

test("three days pass", async () => {
  const definition = JSON.stringify({ StartAt: "Wait", States: { Wait: { Type: "Wait", Seconds: 259200, End: true } } });
  const { stateMachineArn } = await sfn.send(new CreateStateMachineCommand({ name: "wait", definition, roleArn: "arn:aws:iam::123456789012:role/any" }));
  const { executionArn } = await sfn.send(new StartExecutionCommand({ stateMachineArn }));
  let run;
  do {
    run = await sfn.send(new DescribeExecutionCommand({ executionArn }));
  } while (run.status === "RUNNING");
  assert.equal(run.status, "SUCCEEDED");
  assert.equal(run.stopDate - run.startDate, 259200_000);
});
