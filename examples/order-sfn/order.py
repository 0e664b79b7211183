#!/usr/bin/env python3
"""An order process as a state machine of AWS Step Functions: creates what it needs,
runs a worker, starts one order, waits until that is done, and prints its history.

    python3 examples/order-sfn/order.py             the order ships when its hold time is over
    python3 examples/order-sfn/order.py --express   it ships at once
    python3 examples/order-sfn/order.py --busy      the bank must be asked twice
    python3 examples/order-sfn/order.py --decline   the card is declined
    python3 examples/order-sfn/order.py --stop      the shop stops the order while it is on hold

order.asl.json is the state machine. Needs Python 3.10 and boto3.
"""

import argparse
import json
import os
import pathlib
import sys
import threading
import time
from datetime import datetime

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

MACHINE = "Order"
DEFINITION = pathlib.Path(__file__).with_name("order.asl.json")

# The role that the state machine has. Activities need no permission; services that
# it called would.
ROLE = "order-sfn"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}

GOOD_CARD = "4111 1111 1111 1111"
DECLINED_CARD = "4000 0000 0000 0002"
BUSY_CARD = "4000 0000 0000 0119"


# --- The activities -----------------------------------------------------------


class Failure(Exception):
    """What an activity fails with: its error is what Retry and Catch of the state
    machine look for."""

    def __init__(self, error, cause):
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


# A task may be given to a worker twice, so what activities do must bear repetition:
# in earnest they would pass the order's id on to the shop, the bank and the carrier,
# who then know the second call from the first.


def verify_order(order):
    if not order["id"] or not order["items"]:
        raise Failure("OrderInvalid", "the order has no items")
    return "in stock"


def reserve_item(task):
    return {"reserved": f"{task['item']['name']} for {task['order']}"}


def charge_credit_card(task):
    if task["card"] == DECLINED_CARD:
        raise Failure("CardDeclined", "the bank declines the card")
    if task["card"] == BUSY_CARD and task["attempt"] == 0:
        raise Failure("BankBusy", "the bank asks to come again")
    return {"receipt": f"receipt of {task['id']}"}


def ship_order(task):
    return {"parcel": f"parcel of {task['id']}, {task['grams']} g"}


def cancel_order(order):
    return f"nothing is owed for {order['id']}"


ACTIVITIES = {
    "VerifyOrder": verify_order,
    "ReserveItem": reserve_item,
    "ChargeCreditCard": charge_credit_card,
    "ShipOrder": ship_order,
    "CancelOrder": cancel_order,
}


def run_worker(sfn, arn, do):
    """Takes tasks of an activity for as long as the program runs."""

    def once():
        task = sfn.get_activity_task(activityArn=arn, workerName="order-sfn in Python")
        if not task.get("taskToken"):  # nothing to do for the time of one poll
            return
        try:
            try:
                output = json.dumps(do(json.loads(task["input"])))
            except Failure as failure:
                sfn.send_task_failure(taskToken=task["taskToken"], error=failure.error, cause=failure.cause)
            else:
                sfn.send_task_success(taskToken=task["taskToken"], output=output)
        except sfn.exceptions.TaskTimedOut:
            pass  # the order was given up meanwhile

    forever(once)


def forever(once):
    """Repeats. An error costs one task, which times out; so it is told, and a moment
    later things go on."""
    while True:
        try:
            once()
        except (BotoCoreError, ClientError) as error:
            print(error, file=sys.stderr)
            time.sleep(1)


# --- The shop -----------------------------------------------------------------


def new_clients():
    """Speak to the server that the usual variables name, by default a local one."""
    os.environ.setdefault("AWS_SHARED_CREDENTIALS_FILE", "heddle-data/credentials")
    return [
        boto3.client(
            service,
            endpoint_url=os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:7930"),
            region_name=os.environ.get("AWS_REGION", os.environ.get("AWS_DEFAULT_REGION", "us-east-1")),
            # A poll may take 60 seconds, boto3's own limit: give it more.
            config=Config(read_timeout=70, retries={"mode": "standard"}),
        )
        for service in ("iam", "stepfunctions")
    ]


def create_machine(iam, sfn, arns):
    """Creates the state machine, or brings the one that exists up to date.

    Orders under way go on with the definition that they began with.
    """
    definition = DEFINITION.read_text()
    for name, arn in arns.items():
        definition = definition.replace("${" + name + "}", arn)
    what = {"definition": definition, "roleArn": create_role(iam)}
    try:
        return sfn.create_state_machine(name=MACHINE, **what)["stateMachineArn"]
    except sfn.exceptions.StateMachineAlreadyExists:
        pages = sfn.get_paginator("list_state_machines").paginate()
        arn = next(m["stateMachineArn"] for page in pages for m in page["stateMachines"] if m["name"] == MACHINE)
        sfn.update_state_machine(stateMachineArn=arn, **what)
        return arn


def create_role(iam):
    """Creates the role, unless it is there, and gives its ARN."""
    try:
        return iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    except iam.exceptions.EntityAlreadyExistsException:
        return iam.get_role(RoleName=ROLE)["Role"]["Arn"]


def place(sfn, machine, asked):
    """Starts the execution of an order.

    The order's id is its name, so that an order placed twice runs once.
    """
    order = {
        "id": datetime.now().strftime("order-%Y%m%d-%H%M%S-%f")[:-3],
        "items": [
            {"name": "book", "price": 12.5, "quantity": 2, "grams": 400},
            {"name": "lamp", "price": 30, "quantity": 1, "grams": 1500},
        ],
        "card": DECLINED_CARD if asked.decline else BUSY_CARD if asked.busy else GOOD_CARD,
        "express": asked.express,
        # When it is stopped it must still be on hold.
        "holdSeconds": max(asked.hold, 60) if asked.stop else asked.hold,
    }
    return sfn.start_execution(stateMachineArn=machine, name=order["id"], input=json.dumps(order))["executionArn"]


def history_of(sfn, execution):
    pages = sfn.get_paginator("get_execution_history").paginate(executionArn=execution)
    return [event for page in pages for event in page["events"]]


def stop_on_hold(sfn, execution):
    while not any(event["type"] == "WaitStateEntered" for event in history_of(sfn, execution)):
        time.sleep(0.1)
    sfn.stop_execution(executionArn=execution, error="CustomerGone", cause="the customer wants it no more")


def await_close(sfn, execution):
    while sfn.describe_execution(executionArn=execution)["status"] == "RUNNING":
        time.sleep(0.1)


def about(event):
    """What is worth knowing of an event beside its type."""
    details = next((event[k] for k in event if k.endswith("EventDetails")), {})
    if event["type"] == "ExecutionStarted":
        return details["input"]
    if event["type"] == "ActivityScheduled":
        return details["resource"].rpartition(":")[2]
    if event["type"] == "ActivityStarted":
        return "by " + details.get("workerName", "")
    if event["type"] == "MapStateStarted":
        return f"{details['length']} items"
    if "index" in details:
        return f"item {details['index']}"
    if "error" in details:
        return f"{details['error']}: {details.get('cause', '')}"
    return details.get("name") or details.get("output", "")


def show(execution, history):
    """Prints a history as a table."""
    print(f"{execution}\n")
    for event in history:
        at = event["timestamp"].astimezone().strftime("%H:%M:%S.%f")[:-3]
        print(f"{event['id']:3}  {at}  {event['type']:24}  {about(event)}".rstrip())


def main():
    parser = argparse.ArgumentParser(description="Runs one order through Step Functions.")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--express", action="store_true", help="ship at once")
    way.add_argument("--busy", action="store_true", help="pay with a card whose bank must be asked twice")
    way.add_argument("--decline", action="store_true", help="pay with a card that is declined")
    way.add_argument("--stop", action="store_true", help="stop the order while it is on hold")
    parser.add_argument("--hold", type=int, default=3, help="how many seconds the order is on hold (default 3)")
    asked = parser.parse_args()

    iam, sfn = new_clients()
    # An activity that exists is given as it is.
    arns = {name: sfn.create_activity(name=name)["activityArn"] for name in ACTIVITIES}
    machine = create_machine(iam, sfn, arns)

    # The state machine and the worker know each other only by the service: the
    # worker could be many programs on many machines. A poll is of one activity.
    for name, do in ACTIVITIES.items():
        threading.Thread(target=run_worker, args=(sfn, arns[name], do), daemon=True).start()

    execution = place(sfn, machine, asked)
    if asked.stop:
        stop_on_hold(sfn, execution)
    await_close(sfn, execution)
    show(execution, history_of(sfn, execution))


if __name__ == "__main__":
    main()
