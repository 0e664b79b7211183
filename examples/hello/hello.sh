#!/bin/sh
# SWF in five minutes, by hand: you are the starter, the decider and the worker.
# Each command below is a call that some program of yours would make.
set -eu
export AWS_ENDPOINT_URL="${AWS_ENDPOINT_URL:-http://127.0.0.1:7930}"
export AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-us-east-1}"
export AWS_SHARED_CREDENTIALS_FILE="${AWS_SHARED_CREDENTIALS_FILE:-heddle-data/credentials}"

step() { printf '\n%s\n' "$*"; }
swf() { # shows a call and makes it
    printf '  aws swf %s\n' "$*" >&2
    aws swf "$@" --output text
}
known() { aws swf "$@" >/dev/null 2>&1; }

step "1. Register a domain, a workflow type and an activity type, once."
known describe-domain --name hello ||
    swf register-domain --name hello --workflow-execution-retention-period-in-days 1
known describe-workflow-type --domain hello --workflow-type name=Greeting,version=1 ||
    swf register-workflow-type --domain hello --name Greeting --workflow-version 1 \
        --default-child-policy TERMINATE --default-execution-start-to-close-timeout 3600 \
        --default-task-start-to-close-timeout 60
known describe-activity-type --domain hello --activity-type name=Greet,version=1 ||
    swf register-activity-type --domain hello --name Greet --activity-version 1 \
        --default-task-heartbeat-timeout NONE --default-task-schedule-to-start-timeout 60 \
        --default-task-start-to-close-timeout 60 --default-task-schedule-to-close-timeout 120

step "2. Start an execution. A decision task waits on its task list now."
id="hello-$$-$(date +%s)" # the workflowId, and the name of the task lists
run=$(swf start-workflow-execution --domain hello --workflow-id "$id" --task-list name="$id" \
    --workflow-type name=Greeting,version=1 --input '"world"' --query runId)

step "3. The decider takes the task, and decides that somebody shall greet."
token=$(swf poll-for-decision-task --domain hello --task-list name="$id" --query taskToken)
swf respond-decision-task-completed --task-token "$token" --decisions '[{
    "decisionType": "ScheduleActivityTask",
    "scheduleActivityTaskDecisionAttributes": {
        "activityId": "greet", "activityType": {"name": "Greet", "version": "1"},
        "taskList": {"name": "'"$id"'"}, "input": "\"world\""}}]'

step "4. The worker takes the activity task, does the work and reports the result."
token=$(swf poll-for-activity-task --domain hello --task-list name="$id" --query taskToken)
swf respond-activity-task-completed --task-token "$token" --result 'Hello, world!'

step "5. The decider is asked again, sees the result, and completes the execution."
token=$(swf poll-for-decision-task --domain hello --task-list name="$id" --query taskToken)
swf respond-decision-task-completed --task-token "$token" --decisions '[{
    "decisionType": "CompleteWorkflowExecution",
    "completeWorkflowExecutionDecisionAttributes": {"result": "Hello, world!"}}]'

step "6. Everything that happened is in the history, for as long as the domain keeps it."
swf get-workflow-execution-history --domain hello --execution workflowId="$id",runId="$run" \
    --query 'events[].[eventId, eventType]'
