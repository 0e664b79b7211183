#!/usr/bin/env python3
"""The e-commerce order of the Amazon SWF Developer Guide, with boto3.

Registers what it needs, runs a decider and a worker, starts one order, waits
until that is done, and prints its history.

    python3 order.py             the order ships when its hold time is over
    python3 order.py --signal    the customer has it shipped at once
    python3 order.py --cancel    the customer cancels while it is on hold
    python3 order.py --decline   the card is declined
"""

import argparse
import json
import os
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# The names of everything. A change to the decider that old executions could not
# follow would need a new version.
DOMAIN = "orders"
VERSION = "1.0"
CUSTOMER_ORDER = {"name": "CustomerOrder", "version": VERSION}
DECIDERS = {"name": "order-deciders"}
WORKERS = {"name": "order-workers"}
HOLD = "Hold"  # a timer
SHIP_NOW = "ShipNow"  # a signal
GOOD_CARD, DECLINED_CARD = "4111 1111 1111 1111", "4000 0000 0000 0002"

# --- The decider --------------------------------------------------------------

ATTEMPTS_MAX = 3  # how often an activity is scheduled, if it times out each time

# How far an activity or the timer is. OPEN: to be scheduled, perhaps once more.
OPEN, RUNNING, COMPLETED, FAILED = "open", "running", "completed", "failed"


@dataclass
class Step:
    status: str = OPEN
    attempts: int = 0
    said: str = ""  # result, or reason of the failure


@dataclass
class Progress:
    """What a history says of an order."""

    input: str = ""
    steps: dict = field(default_factory=lambda: defaultdict(Step))  # by activity
    hold: str = OPEN
    ship_now: bool = False
    cancel_requested: bool = False


def attributes(event):
    kind = event["eventType"]
    return event.get(kind[0].lower() + kind[1:] + "EventAttributes", {})


def progress_of(history):
    """Reads a history."""
    p = Progress()
    scheduled = {}  # steps by event id
    for event in history:
        a = attributes(event)
        match event["eventType"]:
            case "WorkflowExecutionStarted":
                p.input = a.get("input", "")
            case "WorkflowExecutionSignaled" if a["signalName"] == SHIP_NOW:
                p.ship_now = True
            case "WorkflowExecutionCancelRequested":
                p.cancel_requested = True
            case "ActivityTaskScheduled":
                step = scheduled[event["eventId"]] = p.steps[a["activityType"]["name"]]
                step.status = RUNNING
                step.attempts += 1
            case "ActivityTaskCompleted":
                step = scheduled[a["scheduledEventId"]]
                step.status, step.said = COMPLETED, a.get("result", "")
            case "ActivityTaskFailed":
                step = scheduled[a["scheduledEventId"]]
                step.status, step.said = FAILED, a.get("reason", "")
            case "ActivityTaskTimedOut":
                scheduled[a["scheduledEventId"]].status = OPEN
            case "ScheduleActivityTaskFailed":
                step = p.steps[a["activityType"]["name"]]
                step.status, step.said = FAILED, a["cause"]
            case "TimerStarted":
                p.hold = RUNNING
            case "TimerFired":
                p.hold = COMPLETED
            case "TimerCanceled":
                p.hold = OPEN
    return p


def decide(history):
    """What shall happen next to an order of which we know this history.

    This is the whole coordination logic, and a pure function: no state is kept
    between decision tasks, so any decider may take any of them, after any restart.

        VerifyOrder -> ChargeCreditCard -+-> hold -> ShipOrder -> RecordCompletion
                                         +-> declined: CancelOrder

    While an order is on hold the customer may have it shipped at once (a signal),
    or cancel it.
    """
    p = progress_of(history)
    if p.cancel_requested and not p.steps["ShipOrder"].attempts:
        return cancel(p)
    if (decisions := need(p, "VerifyOrder")) is not None:
        return decisions
    charge = p.steps["ChargeCreditCard"]
    if charge.status == FAILED:  # the exclusive choice
        if (decisions := need(p, "CancelOrder")) is not None:
            return decisions
        return complete("declined: " + charge.said)
    if (decisions := need(p, "ChargeCreditCard")) is not None:
        return decisions
    if (decisions := need_hold(p)) is not None:
        return decisions
    if (decisions := need(p, "ShipOrder")) is not None:
        if p.ship_now and p.hold == RUNNING:  # no need to wait any longer
            decisions.append(cancel_hold())
        return decisions
    if (decisions := need(p, "RecordCompletion")) is not None:
        return decisions
    return complete("shipped: " + p.steps["ShipOrder"].said)


def cancel(p):
    """Ends an order that was not yet shipped, once what is under way has ended.

    Money that was taken is given back first.
    """
    if any(p.steps[a].status == RUNNING for a in ("VerifyOrder", "ChargeCreditCard", "CancelOrder")):
        return []
    if p.steps["ChargeCreditCard"].status == COMPLETED:
        if (decisions := need(p, "CancelOrder")) is not None:
            if p.hold == RUNNING:
                decisions.append(cancel_hold())
            return decisions
    return [decision("CancelWorkflowExecution", details="the customer canceled")]


def need(p, activity):
    """What to decide while the order waits for an activity; None: it has ended.

    The activity is scheduled, or if it failed the order is given up.
    """
    step = p.steps[activity]
    if step.status == COMPLETED:
        return None
    if step.status == RUNNING:
        return []
    if step.status == FAILED:
        return fail(f"{activity} failed", step.said)
    if step.attempts == ATTEMPTS_MAX:
        return fail(f"{activity} timed out", f"{ATTEMPTS_MAX} times")
    return [
        decision(
            "ScheduleActivityTask",
            activityType={"name": activity, "version": VERSION},
            activityId=f"{activity}-{step.attempts + 1}",
            input=p.input,
        )
    ]


def need_hold(p):
    """The same for the time in which the customer may think again."""
    if p.hold == COMPLETED or p.ship_now:
        return None
    if p.hold == RUNNING:
        return []
    seconds = json.loads(p.input)["holdSeconds"]
    return [decision("StartTimer", timerId=HOLD, startToFireTimeout=str(seconds))]


def cancel_hold():
    return decision("CancelTimer", timerId=HOLD)


def complete(result):
    return [decision("CompleteWorkflowExecution", result=result)]


def fail(reason, details):
    return [decision("FailWorkflowExecution", reason=reason, details=details)]


def decision(kind, **attributes):
    return {"decisionType": kind, kind[0].lower() + kind[1:] + "DecisionAttributes": attributes}


def run_decider(swf):
    """Takes decision tasks for as long as the program runs."""
    poll = {"domain": DOMAIN, "taskList": DECIDERS, "identity": "order.py"}

    def once():
        task = swf.poll_for_decision_task(**poll)
        if not task.get("taskToken"):  # nothing to do for the time of one poll
            return
        history, page = task["events"], task
        while next_page := page.get("nextPageToken"):
            page = swf.poll_for_decision_task(**poll, nextPageToken=next_page)
            history += page["events"]
        swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decide(history))

    forever(once)


def forever(once):
    """Repeats. An error costs one task, which times out and comes again; so it is
    told, and a moment later things go on."""
    while True:
        try:
            once()
        except (BotoCoreError, ClientError) as error:
            print(error, file=sys.stderr)
            time.sleep(1)


# --- The activities -----------------------------------------------------------


class ActivityError(Exception):
    """Becomes the reason of ActivityTaskFailed."""


# A task may be given to a worker twice, so what activities do must bear
# repetition: in earnest they would pass the order's id on to the shop, the bank
# and the carrier, who then know the second call from the first.


def verify_order(order):
    if not order["id"] or not order["items"]:
        raise ActivityError("the order has no items")
    return "in stock"


def charge_credit_card(order):
    if order["card"] == DECLINED_CARD:
        raise ActivityError("card declined")
    return f"receipt of {order['id']}"


def ship_order(order):
    return f"parcel of {order['id']}"


def record_completion(order):
    return "recorded"


def cancel_order(order):
    return f"nothing is owed for {order['id']}"


ACTIVITIES = {
    "VerifyOrder": verify_order,
    "ChargeCreditCard": charge_credit_card,
    "ShipOrder": ship_order,
    "RecordCompletion": record_completion,
    "CancelOrder": cancel_order,
}


def run_worker(swf):
    """Takes activity tasks for as long as the program runs."""

    def once():
        task = swf.poll_for_activity_task(domain=DOMAIN, taskList=WORKERS, identity="order.py")
        if not task.get("taskToken"):  # nothing to do for the time of one poll
            return
        try:
            result = perform(task["activityType"]["name"], task.get("input", ""))
        except ActivityError as error:
            swf.respond_activity_task_failed(taskToken=task["taskToken"], reason=str(error))
        else:
            swf.respond_activity_task_completed(taskToken=task["taskToken"], result=result)

    forever(once)


def perform(activity, input):
    try:
        order = json.loads(input)
    except ValueError:
        raise ActivityError("the order can't be read") from None
    if activity not in ACTIVITIES:
        raise ActivityError(f"no worker knows {activity!r}")
    return ACTIVITIES[activity](order)


# --- The shop -----------------------------------------------------------------


def new_client():
    """Speaks to the server that the usual variables name, by default a local one."""
    os.environ.setdefault("AWS_SHARED_CREDENTIALS_FILE", "heddle-data/credentials")
    return boto3.Session().client(
        "swf",
        endpoint_url=os.environ.get("AWS_ENDPOINT_URL_SWF", os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:7930")),
        region_name=os.environ.get("AWS_REGION", os.environ.get("AWS_DEFAULT_REGION", "us-east-1")),
        # A poll may take 60 seconds, boto3's own limit: give it more.
        config=Config(read_timeout=70, retries={"mode": "standard"}),
    )


def register(swf):
    """Makes the domain and the types, unless they are there."""

    def unless_there(call, **arguments):
        try:
            call(**arguments)
        except (swf.exceptions.DomainAlreadyExistsFault, swf.exceptions.TypeAlreadyExistsFault):
            pass

    unless_there(
        swf.register_domain,
        name=DOMAIN,
        description="Orders of a small shop",
        workflowExecutionRetentionPeriodInDays="7",
    )
    unless_there(
        swf.register_workflow_type,
        domain=DOMAIN,
        **CUSTOMER_ORDER,
        defaultTaskList=DECIDERS,
        defaultChildPolicy="TERMINATE",
        defaultExecutionStartToCloseTimeout="86400",
        defaultTaskStartToCloseTimeout="10",
    )
    for activity in ACTIVITIES:
        unless_there(
            swf.register_activity_type,
            domain=DOMAIN,
            name=activity,
            version=VERSION,
            defaultTaskList=WORKERS,
            defaultTaskScheduleToStartTimeout="300",
            defaultTaskStartToCloseTimeout="30",
            defaultTaskScheduleToCloseTimeout="330",
            defaultTaskHeartbeatTimeout="NONE",
        )


def place(swf, card, hold):
    """Starts the execution of an order.

    The order's id is the workflowId, so that an order placed twice runs once.
    """
    order = {
        "id": datetime.now().strftime("order-%Y%m%d-%H%M%S.%f")[:-3],
        "items": ["book", "lamp"],
        "card": card,
        "holdSeconds": hold,
    }
    started = swf.start_workflow_execution(
        domain=DOMAIN,
        workflowId=order["id"],
        workflowType=CUSTOMER_ORDER,
        input=json.dumps(order),
        tagList=["example"],
    )
    return {"workflowId": order["id"], "runId": started["runId"]}


def history_of(swf, execution):
    pages = swf.get_paginator("get_workflow_execution_history").paginate(domain=DOMAIN, execution=execution)
    return [event for page in pages for event in page["events"]]


def await_hold(swf, execution):
    while progress_of(history_of(swf, execution)).hold != RUNNING:
        time.sleep(0.1)


def await_close(swf, execution):
    """SWF tells nobody that an execution is closed; one must ask."""
    while True:
        d = swf.describe_workflow_execution(domain=DOMAIN, execution=execution)
        if d["executionInfo"]["executionStatus"] == "CLOSED":
            return
        time.sleep(0.1)


# What is worth knowing of an event beside its type.
ABOUT = ("activityId", "timerId", "startToFireTimeout", "signalName", "result", "reason", "details", "timeoutType")


def show(execution, history):
    """Prints a history as a table."""
    print(f"{execution['workflowId']}  run {execution['runId']}\n")
    for event in history:
        at = event["eventTimestamp"].strftime("%H:%M:%S.%f")[:-3]
        a = attributes(event)
        about = a.get("input", "") if event["eventId"] == 1 else " ".join(a[k] for k in ABOUT if k in a)
        print(f"{event['eventId']:3}  {at}  {event['eventType']:32}  {about}".rstrip())


def main():
    parser = argparse.ArgumentParser(description="Runs one order through SWF.")
    customer = parser.add_mutually_exclusive_group()
    customer.add_argument("--signal", action="store_true", help="have the order shipped while it is on hold")
    customer.add_argument("--cancel", action="store_true", help="cancel the order while it is on hold")
    customer.add_argument("--decline", action="store_true", help="pay with a card that is declined")
    parser.add_argument("--hold", type=int, default=3, help="how many seconds the order is on hold (default 3)")
    asked = parser.parse_args()

    swf = new_client()
    register(swf)

    # Decider, worker and customer know each other only by the service: they
    # could be three programs on three machines.
    for run in run_decider, run_worker:
        threading.Thread(target=run, args=(swf,), daemon=True).start()

    # When the customer comes back, the order must still be on hold.
    hold = max(asked.hold, 60) if asked.signal or asked.cancel else asked.hold
    execution = place(swf, DECLINED_CARD if asked.decline else GOOD_CARD, hold)
    if asked.signal or asked.cancel:
        await_hold(swf, execution)
    if asked.signal:
        swf.signal_workflow_execution(domain=DOMAIN, **execution, signalName=SHIP_NOW)
    if asked.cancel:
        swf.request_cancel_workflow_execution(domain=DOMAIN, **execution)
    await_close(swf, execution)
    show(execution, history_of(swf, execution))


if __name__ == "__main__":
    main()
