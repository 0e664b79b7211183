#!/usr/bin/env python3
"""Walks all operations of Amazon SWF with the AWS CLI on a fresh server, as a
person at a shell would, and checks what it prints.

The endpoint, region and keys come from the environment (AWS_ENDPOINT_URL,
AWS_DEFAULT_REGION, ...); compat/run sets them. Calls that do not depend on each
other run side by side: each start of the CLI takes a second.
"""

import json
import subprocess
import sys

import shell
from shell import together

walk = shell.Walk("swf")
aws, refused, equal = walk.aws, walk.refused, walk.equal

D = ("--domain", "cli")
TASKS = (*D, "--task-list", "name=tasks")
WORK = (*D, "--task-list", "name=work")
ALWAYS = ("--start-time-filter", "oldestDate=0")
MILL = "name=mill,version=1"


def registers():
    aws("register-domain", "--name", "cli", "--workflow-execution-retention-period-in-days", "7", "--description", "of the CLI")
    together(
        (aws, "register-domain", "--name", "spare", "--workflow-execution-retention-period-in-days", "NONE"),
        (aws, "register-workflow-type", *D, "--name", "order", "--workflow-version", "1", "--default-task-list", "name=tasks",
         "--default-child-policy", "TERMINATE", "--default-execution-start-to-close-timeout", "600", "--default-task-start-to-close-timeout", "300"),
        (aws, "register-workflow-type", *D, "--name", "mill", "--workflow-version", "1"),
        (aws, "register-activity-type", *D, "--name", "pack", "--activity-version", "1", "--default-task-list", "name=work",
         "--default-task-heartbeat-timeout", "NONE", "--default-task-schedule-to-start-timeout", "300",
         "--default-task-schedule-to-close-timeout", "300", "--default-task-start-to-close-timeout", "300"),
        (aws, "register-activity-type", *D, "--name", "mill", "--activity-version", "1"),
    )
    domain, registered, workflow, activity = together(
        (aws, "describe-domain", "--name", "cli"),
        (aws, "list-domains", "--registration-status", "REGISTERED"),
        (aws, "describe-workflow-type", *D, "--workflow-type", "name=order,version=1"),
        (aws, "describe-activity-type", *D, "--activity-type", "name=pack,version=1"),
    )
    arn = domain["domainInfo"]["arn"]
    equal(domain, {
        "domainInfo": {"name": "cli", "status": "REGISTERED", "description": "of the CLI", "arn": arn},
        "configuration": {"workflowExecutionRetentionPeriodInDays": "7"},
    }, "describe-domain")
    equal([d["name"] for d in registered["domainInfos"]], ["cli", "spare"], "list-domains")
    equal(workflow["configuration"], {
        "defaultTaskStartToCloseTimeout": "300", "defaultExecutionStartToCloseTimeout": "600",
        "defaultTaskList": {"name": "tasks"}, "defaultChildPolicy": "TERMINATE",
    }, "describe-workflow-type")
    equal(activity["typeInfo"]["status"], "REGISTERED", "describe-activity-type")
    aws("tag-resource", "--resource-arn", arn, "--tags", "key=a,value=1", "key=b")
    aws("untag-resource", "--resource-arn", arn, "--tag-keys", "b")
    aws("deprecate-domain", "--name", "spare")
    tags, deprecated, fault = together(
        (aws, "list-tags-for-resource", "--resource-arn", arn),
        (aws, "list-domains", "--registration-status", "DEPRECATED"),
        (refused, "deprecate-domain", "--name", "spare"),
    )
    equal(tags, {"tags": [{"key": "a", "value": "1"}]}, "list-tags-for-resource")
    equal([d["name"] for d in deprecated["domainInfos"]], ["spare"], "list-domains of deprecated ones")
    equal(fault, ("DomainDeprecatedFault", "spare"), "deprecate-domain twice")


def has_deletes():
    """Tells whether this CLI can delete types; those from before 2024 cannot."""
    done = subprocess.run(["aws", "swf", "delete-workflow-type"], capture_output=True, text=True)
    return "nvalid choice" not in done.stderr


def retires(kind, deletes):
    """Deprecates, brings back, deprecates and deletes a type."""
    option = f"--{kind}-type"
    aws(f"deprecate-{kind}-type", *D, option, MILL)
    listed = aws(f"list-{kind}-types", *D, "--registration-status", "DEPRECATED")["typeInfos"]
    equal([(i[kind + "Type"]["name"], i["status"]) for i in listed], [("mill", "DEPRECATED")], f"list-{kind}-types")
    aws(f"undeprecate-{kind}-type", *D, option, MILL)
    if deletes:
        aws(f"deprecate-{kind}-type", *D, option, MILL)
        aws(f"delete-{kind}-type", *D, option, MILL)


def executes():
    """Runs an execution with three activities to its end."""
    run = aws("start-workflow-execution", *D, "--workflow-id", "w", "--workflow-type", "name=order,version=1", "--tag-list", "t", "--input", '{"n":1}')["runId"]
    execution = ("--execution", f"workflowId=w,runId={run}")
    pending, opened, counted, started = together(
        (aws, "count-pending-decision-tasks", *TASKS),
        (aws, "list-open-workflow-executions", *D, *ALWAYS, "--tag-filter", "tag=t"),
        (aws, "count-open-workflow-executions", *D, *ALWAYS),
        (refused, "start-workflow-execution", *D, "--workflow-id", "w", "--workflow-type", "name=order,version=1"),
    )
    equal(pending, {"count": 1, "truncated": False}, "count-pending-decision-tasks")
    equal([i["execution"] for i in opened["executionInfos"]], [{"workflowId": "w", "runId": run}], "list-open-workflow-executions")
    equal(counted, {"count": 1, "truncated": False}, "count-open-workflow-executions")
    equal(started, ("WorkflowExecutionAlreadyStartedFault", "Already Started"), "start-workflow-execution twice")

    task = aws("poll-for-decision-task", *TASKS, "--identity", "me")
    equal((task["workflowExecution"], task["startedEventId"], task["previousStartedEventId"], len(task["events"])),
          ({"workflowId": "w", "runId": run}, 3, 0, 3), "poll-for-decision-task")
    aws("respond-decision-task-completed", "--task-token", task["taskToken"], "--decisions", json.dumps([
        {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": {
            "activityId": i, "activityType": {"name": "pack", "version": "1"}, "input": i}} for i in "abc"]))
    equal(aws("count-pending-activity-tasks", *WORK), {"count": 3, "truncated": False}, "count-pending-activity-tasks")
    a, b, c = sorted(together(*[(aws, "poll-for-activity-task", *WORK)] * 3), key=lambda t: t["input"])
    equal([t["activityId"] for t in (a, b, c)], ["a", "b", "c"], "poll-for-activity-task")
    together(
        (aws, "respond-activity-task-completed", "--task-token", a["taskToken"], "--result", "packed"),
        (aws, "respond-activity-task-failed", "--task-token", b["taskToken"], "--reason", "torn"),
        (aws, "signal-workflow-execution", *D, "--workflow-id", "w", "--signal-name", "hurry", "--input", "now"),
        (aws, "request-cancel-workflow-execution", *D, "--workflow-id", "w", "--run-id", run),
    )
    task = aws("poll-for-decision-task", *TASKS, "--no-reverse-order", "--start-at-previous-started-event")
    equal(task["events"][0]["eventId"], 3, "poll-for-decision-task from the previous start")
    aws("respond-decision-task-completed", "--task-token", task["taskToken"], "--execution-context", "ctx", "--decisions", json.dumps([
        {"decisionType": "RequestCancelActivityTask", "requestCancelActivityTaskDecisionAttributes": {"activityId": "c"}}]))
    beat, detail = together(
        (aws, "record-activity-task-heartbeat", "--task-token", c["taskToken"], "--details", "still"),
        (aws, "describe-workflow-execution", *D, *execution),
    )
    equal(beat, {"cancelRequested": True}, "record-activity-task-heartbeat")
    equal((detail["executionInfo"]["cancelRequested"], detail["latestExecutionContext"], detail["openCounts"]["openActivityTasks"]),
          (True, "ctx", 1), "describe-workflow-execution")
    aws("respond-activity-task-canceled", "--task-token", c["taskToken"], "--details", "as asked")
    task = aws("poll-for-decision-task", *TASKS)
    aws("respond-decision-task-completed", "--task-token", task["taskToken"], "--decisions", json.dumps([
        {"decisionType": "CompleteWorkflowExecution", "completeWorkflowExecutionDecisionAttributes": {"result": "done"}}]))
    history, closed, counted, unknown = together(
        (aws, "get-workflow-execution-history", *D, *execution, "--page-size", "5"),  # the CLI fetches all pages
        (aws, "list-closed-workflow-executions", *D, *ALWAYS),
        (aws, "count-closed-workflow-executions", *D, *ALWAYS, "--close-status-filter", "status=COMPLETED"),
        (refused, "terminate-workflow-execution", *D, "--workflow-id", "w"),
    )
    equal([e["eventId"] for e in history["events"]], list(range(1, len(history["events"]) + 1)), "ids of the history")
    equal(history["events"][-1]["workflowExecutionCompletedEventAttributes"]["result"], "done", "get-workflow-execution-history")
    equal([i["closeStatus"] for i in closed["executionInfos"]], ["COMPLETED"], "list-closed-workflow-executions")
    equal(counted, {"count": 1, "truncated": False}, "count-closed-workflow-executions")
    equal(unknown, ("UnknownResourceFault", "Unknown execution, workflowId = w"), "terminate-workflow-execution of a closed one")


def terminates():
    run = aws("start-workflow-execution", *D, "--workflow-id", "t", "--workflow-type", "name=order,version=1", "--task-list", "name=elsewhere")["runId"]
    aws("terminate-workflow-execution", *D, "--workflow-id", "t", "--run-id", run, "--reason", "enough", "--child-policy", "ABANDON")
    events = aws("get-workflow-execution-history", *D, "--execution", f"workflowId=t,runId={run}", "--reverse-order", "--max-items", "1")["events"]
    equal(events[0]["workflowExecutionTerminatedEventAttributes"],
          {"reason": "enough", "childPolicy": "ABANDON", "cause": "OPERATOR_INITIATED"}, "terminate-workflow-execution")


def polls_empty():
    decision, activity = together(
        (aws, "poll-for-decision-task", *D, "--task-list", "name=empty"),
        (aws, "poll-for-activity-task", *D, "--task-list", "name=empty"),
    )
    equal((decision.get("taskToken"), decision["startedEventId"]), (None, 0), "an empty poll-for-decision-task")
    equal((activity.get("taskToken"), activity["startedEventId"]), (None, 0), "an empty poll-for-activity-task")


def main():
    deletes = has_deletes()
    registers()
    executes()
    together((retires, "workflow", deletes), (retires, "activity", deletes), (terminates,), (polls_empty,))
    aws("undeprecate-domain", "--name", "spare")
    walk.ends(39 if deletes else 37)


if __name__ == "__main__":
    sys.exit(main())
