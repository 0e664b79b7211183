#!/usr/bin/env python3
"""Walks all operations of AWS Step Functions with the AWS CLI on a fresh server, as a
person at a shell would, and checks what it prints.

The endpoint, region and keys come from the environment (AWS_ENDPOINT_URL,
AWS_DEFAULT_REGION, ...); compat/run sets them. Calls that do not depend on each
other run side by side: each start of the CLI takes a second.
"""

import json
import os
import subprocess
import sys
import time

import shell
from shell import together

# start-sync-execution and test-state go to sync-HOST, which 127.0.0.1 has not.
os.environ["AWS_DISABLE_HOST_PREFIX_INJECTION"] = "true"

walk = shell.Walk("stepfunctions")
aws, refused, equal = walk.aws, walk.refused, walk.equal

STATES = f"arn:aws:states:{os.environ['AWS_DEFAULT_REGION']}:123456789012"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
PASSING = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
WAITING = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}})
NO_TOKEN = ("InvalidToken", "Invalid Token: 'Invalid token'")


def create_role():
    return shell.Walk("iam").aws("create-role", "--role-name", "cli-states", "--assume-role-policy-document", json.dumps(TRUST))["Role"]["Arn"]


def machine(role, name, definition, *more):
    arn = aws("create-state-machine", "--name", name, "--definition", definition, "--role-arn", role, *more)["stateMachineArn"]
    equal(arn, f"{STATES}:stateMachine:{name}", "create-state-machine")
    return arn


def ends(execution, status):
    """Waits until an execution is closed, and expects how."""
    give = time.monotonic() + 30
    while (d := aws("describe-execution", "--execution-arn", execution))["status"] == "RUNNING" and time.monotonic() < give:
        pass
    equal(d["status"], status, f"status of {execution}")
    return d


def activities(role):
    """An activity, and executions that wait for it."""
    none = STATES + ":activity:none"
    made, invalid = together(
        (aws, "create-activity", "--name", "pack", "--tags", "key=a,value=1"),
        (refused, "create-activity", "--name", "a b"),
    )
    arn = made["activityArn"]
    equal(arn, STATES + ":activity:pack", "create-activity")
    equal(invalid, ("InvalidName", "Invalid Name: 'a b'"), "create-activity of no name")
    described, listed, unknown, no_token, unknown_poll, malformed = together(
        (aws, "describe-activity", "--activity-arn", arn),
        (aws, "list-activities"),
        (refused, "describe-activity", "--activity-arn", none),
        (refused, "list-activities", "--no-paginate", "--next-token", "none"),
        (refused, "get-activity-task", "--activity-arn", none),
        (refused, "delete-activity", "--activity-arn", "pack"),
    )
    equal(described["name"], "pack", "describe-activity")
    equal([a["activityArn"] for a in listed["activities"]], [arn], "list-activities")
    fault = ("ActivityDoesNotExist", f"Activity Does Not Exist: '{none}'")
    equal(unknown, fault, "describe-activity of none")
    equal(unknown_poll, fault, "get-activity-task of none")
    equal(no_token, NO_TOKEN, "list-activities with a token that is none")
    equal(malformed, ("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: pack'"), "delete-activity of no ARN")

    aws("tag-resource", "--resource-arn", arn, "--tags", "key=a,value=2", "key=b,value=")
    aws("untag-resource", "--resource-arn", arn, "--tag-keys", "b")
    of = machine(role, "packing", json.dumps({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": arn, "End": True}}}))
    tags, untagged, good, bad = together(
        (aws, "list-tags-for-resource", "--resource-arn", arn),
        (refused, "tag-resource", "--resource-arn", none, "--tags", "key=a,value=2"),
        (aws, "start-execution", "--state-machine-arn", of, "--name", "first", "--input", "1"),
        (aws, "start-execution", "--state-machine-arn", of, "--name", "second", "--input", "2"),
    )
    equal(tags, {"tags": [{"key": "a", "value": "2"}]}, "list-tags-for-resource")
    equal(untagged, ("ResourceNotFound", f"Resource not found: '{none}'"), "tag-resource of none")
    first, second = sorted(together(*[(aws, "get-activity-task", "--activity-arn", arn, "--worker-name", "cli")] * 2), key=lambda t: t["input"])
    equal([first["input"], second["input"]], ["1", "2"], "get-activity-task")
    aws("send-task-heartbeat", "--task-token", first["taskToken"])
    together(
        (aws, "send-task-success", "--task-token", first["taskToken"], "--task-output", "[1]"),
        (aws, "send-task-failure", "--task-token", second["taskToken"], "--error", "E", "--cause", "C"),
    )
    succeeded, failed, *refusals = together(
        (ends, good["executionArn"], "SUCCEEDED"),
        (ends, bad["executionArn"], "FAILED"),
        (refused, "send-task-success", "--task-token", "none", "--task-output", "1"),
        (refused, "send-task-failure", "--task-token", "none"),
        (refused, "send-task-heartbeat", "--task-token", "none"),
    )
    equal(succeeded["output"], "[1]", "send-task-success")
    equal((failed["error"], failed["cause"]), ("E", "C"), "send-task-failure")
    equal(refusals, [NO_TOKEN] * 3, "answers of tasks with tokens that are none")

    aws("redrive-execution", "--execution-arn", bad["executionArn"])
    task = aws("get-activity-task", "--activity-arn", arn)
    aws("send-task-success", "--task-token", task["taskToken"], "--task-output", "{}")
    equal(ends(bad["executionArn"], "SUCCEEDED")["redriveCount"], 1, "redrive-execution")
    equal(refused("redrive-execution", "--execution-arn", bad["executionArn"])[0], "ExecutionNotRedrivable", "redrive-execution of one that succeeded")
    aws("delete-activity", "--activity-arn", arn)


def machines(role):
    """A state machine with versions and an alias."""
    none = STATES + ":stateMachine:none"
    fault = ("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{none}'")
    arn = machine(role, "passing", PASSING)
    described, listed, exists, invalid, *unknown = together(
        (aws, "describe-state-machine", "--state-machine-arn", arn),
        (aws, "list-state-machines"),
        (refused, "create-state-machine", "--name", "passing", "--definition", WAITING, "--role-arn", role),
        (refused, "create-state-machine", "--name", "invalid", "--definition", "{}", "--role-arn", role),
        (refused, "describe-state-machine", "--state-machine-arn", none),
        (refused, "update-state-machine", "--state-machine-arn", none, "--definition", PASSING),
        (refused, "start-execution", "--state-machine-arn", none),
        (refused, "list-executions", "--state-machine-arn", none),
        (refused, "publish-state-machine-version", "--state-machine-arn", none),
    )
    equal((described["status"], described["definition"], described["type"]), ("ACTIVE", PASSING, "STANDARD"), "describe-state-machine")
    equal("passing" in [m["name"] for m in listed["stateMachines"]], True, "list-state-machines")
    equal(exists, ("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'"), "create-state-machine twice")
    equal(invalid, ("InvalidDefinition", "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /'"),
          "create-state-machine of nothing")
    equal(unknown, [fault] * 5, "calls of a state machine that is not there")

    one = aws("publish-state-machine-version", "--state-machine-arn", arn)["stateMachineVersionArn"]
    two = aws("update-state-machine", "--state-machine-arn", arn, "--definition", WAITING, "--publish")["stateMachineVersionArn"]
    equal([one, two], [arn + ":1", arn + ":2"], "versions")
    alias = aws("create-state-machine-alias", "--name", "live", "--routing-configuration", f"stateMachineVersionArn={one},weight=100")["stateMachineAliasArn"]
    equal(alias, arn + ":live", "create-state-machine-alias")
    aws("update-state-machine-alias", "--state-machine-alias-arn", alias, "--routing-configuration", f"stateMachineVersionArn={two},weight=100")
    versions, aliases, live, used, other = together(
        (aws, "list-state-machine-versions", "--state-machine-arn", arn),
        (aws, "list-state-machine-aliases", "--state-machine-arn", arn),
        (aws, "describe-state-machine-alias", "--state-machine-alias-arn", alias),
        (refused, "delete-state-machine-version", "--state-machine-version-arn", two),
        (refused, "create-state-machine-alias", "--name", "live", "--routing-configuration", f"stateMachineVersionArn={one},weight=100"),
    )
    equal([v["stateMachineVersionArn"] for v in versions["stateMachineVersions"]], [two, one], "list-state-machine-versions")
    equal([a["stateMachineAliasArn"] for a in aliases["stateMachineAliases"]], [alias], "list-state-machine-aliases")
    equal(live["routingConfiguration"], [{"stateMachineVersionArn": two, "weight": 100}], "describe-state-machine-alias")
    equal((used[0], other[0]), ("ConflictException", "ConflictException"), "conflicts of versions and aliases")
    aws("delete-state-machine-alias", "--state-machine-alias-arn", alias)
    aws("delete-state-machine-version", "--state-machine-version-arn", two)
    aws("delete-state-machine", "--state-machine-arn", arn)


def executions(role):
    """An execution that is stopped while it waits."""
    of = machine(role, "waiting", WAITING)
    execution = aws("start-execution", "--state-machine-arn", of, "--name", "e", "--input", '{"n": 1}')["executionArn"]
    none = STATES + ":execution:waiting:none"
    listed, definition, exists, unread, *unknown = together(
        (aws, "list-executions", "--state-machine-arn", of, "--status-filter", "RUNNING"),
        (aws, "describe-state-machine-for-execution", "--execution-arn", execution),
        (refused, "start-execution", "--state-machine-arn", of, "--name", "e", "--input", "2"),
        (refused, "start-execution", "--state-machine-arn", of, "--input", "not JSON"),
        (refused, "describe-execution", "--execution-arn", none),
        (refused, "describe-state-machine-for-execution", "--execution-arn", none),
        (refused, "get-execution-history", "--execution-arn", none),
        (refused, "stop-execution", "--execution-arn", none),
        (refused, "redrive-execution", "--execution-arn", none),
    )
    equal([e["executionArn"] for e in listed["executions"]], [execution], "list-executions")
    equal(definition["definition"], WAITING, "describe-state-machine-for-execution")
    equal(exists, ("ExecutionAlreadyExists", f"Execution Already Exists: '{execution}'"), "start-execution with another input")
    equal(unread, ("InvalidExecutionInput", "Invalid State Machine Execution Input: 'Unrecognized token 'not': was expecting "
                   "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')'"), "start-execution of no JSON")
    equal(unknown, [("ExecutionDoesNotExist", f"Execution Does Not Exist: '{none}'")] * 5, "calls of an execution that is not there")
    aws("stop-execution", "--execution-arn", execution, "--error", "E", "--cause", "C")
    equal(ends(execution, "ABORTED")["cause"], "C", "stop-execution")
    history = aws("get-execution-history", "--execution-arn", execution, "--page-size", "2")  # the CLI fetches all pages
    equal([e["type"] for e in history["events"]], ["ExecutionStarted", "WaitStateEntered", "ExecutionAborted"], "get-execution-history")


def expresses(role):
    """What runs at once, and what is only looked at."""
    fast = machine(role, "fast", PASSING, "--type", "EXPRESS")
    ran, tested, invalid, valid, unfit = together(
        (aws, "start-sync-execution", "--state-machine-arn", fast, "--input", '{"n":1}'),
        (aws, "test-state", "--definition", '{"Type":"Pass","Result":{"x":1},"Next":"N"}', "--role-arn", role, "--inspection-level", "DEBUG"),
        (refused, "test-state", "--definition", '{"Type":"Nap"}', "--role-arn", role),
        (aws, "validate-state-machine-definition", "--definition", PASSING),
        (aws, "validate-state-machine-definition", "--definition", '{"StartAt":"X","States":{"X":{"Type":"Nap"}}}'),
    )
    equal((ran["status"], ran["output"]), ("SUCCEEDED", '{"n":1}'), "start-sync-execution")
    equal((tested["status"], json.loads(tested["output"]), tested["nextState"]), ("SUCCEEDED", {"x": 1}, "N"), "test-state")
    equal(invalid[0], "InvalidDefinition", "test-state of no state")
    equal(valid, {"result": "OK", "diagnostics": [], "truncated": False}, "validate-state-machine-definition")
    equal((unfit["result"], unfit["diagnostics"][0]["location"]), ("FAIL", "/States/X/Type"), "validate-state-machine-definition of no machine")


def map_runs(role):
    """A Map state in distributed mode, whose executions wait."""
    items = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **json.loads(WAITING)}
    of = machine(role, "mapping", json.dumps({"StartAt": "M", "States": {"M": {"Type": "Map", "Label": "each", "ItemProcessor": items, "End": True}}}))
    execution = aws("start-execution", "--state-machine-arn", of, "--name", "e", "--input", "[1]")["executionArn"]
    give = time.monotonic() + 30
    while not (runs := aws("list-map-runs", "--execution-arn", execution)["mapRuns"]) and time.monotonic() < give:
        pass
    equal([r["stateMachineArn"] for r in runs], [of + "/each"], "list-map-runs")
    run = runs[0]["mapRunArn"]
    aws("update-map-run", "--map-run-arn", run, "--max-concurrency", "2")
    described, unknown = together(
        (aws, "describe-map-run", "--map-run-arn", run),
        (refused, "describe-map-run", "--map-run-arn", f"{STATES}:mapRun:mapping/each:none"),
    )
    equal((described["status"], described["maxConcurrency"], described["itemCounts"]["total"]), ("RUNNING", 2, 1), "describe-map-run")
    equal(unknown[0], "ResourceNotFound", "describe-map-run of none")


def main():
    done = subprocess.run(["aws", "stepfunctions", "validate-state-machine-definition"], capture_output=True, text=True)
    if "nvalid choice" in done.stderr:
        raise SystemExit("this AWS CLI is from before 2024 and does not know all operations; install a newer one")
    role = create_role()
    together((activities, role), (machines, role), (executions, role), (expresses, role), (map_runs, role))
    walk.ends(37)


if __name__ == "__main__":
    sys.exit(main())
