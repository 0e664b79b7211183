"""Tests with a server of their own: pytest examples/testing"""

import json
import time


def test_a_week_passes(client):
    swf = client("swf")
    swf.register_domain(name="shop", workflowExecutionRetentionPeriodInDays="7")
    swf.register_workflow_type(
        domain="shop", name="Remind", version="1", defaultTaskList={"name": "reminders"}, defaultChildPolicy="TERMINATE",
        defaultExecutionStartToCloseTimeout="31536000", defaultTaskStartToCloseTimeout="10")
    swf.start_workflow_execution(domain="shop", workflowId="order-1", workflowType={"name": "Remind", "version": "1"})

    def decide(kind, **attributes):
        task = swf.poll_for_decision_task(domain="shop", taskList={"name": "reminders"})
        decision = {"decisionType": kind, kind[0].lower() + kind[1:] + "DecisionAttributes": attributes}
        swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=[decision])
        return task["events"]

    decide("StartTimer", timerId="week", startToFireTimeout="604800")
    events = decide("CompleteWorkflowExecution", result="reminded")
    assert "TimerFired" in [e["eventType"] for e in events]
    assert (events[-1]["eventTimestamp"] - events[0]["eventTimestamp"]).days == 7


def test_state_machine(client):
    sfn = client("stepfunctions")
    definition = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 259200, "End": True}}}
    machine = sfn.create_state_machine(name="wait", definition=json.dumps(definition), roleArn="arn:aws:iam::123456789012:role/any")
    run = sfn.start_execution(stateMachineArn=machine["stateMachineArn"])
    while sfn.describe_execution(executionArn=run["executionArn"])["status"] == "RUNNING":
        time.sleep(0.05)
    assert sfn.describe_execution(executionArn=run["executionArn"])["status"] == "SUCCEEDED"
